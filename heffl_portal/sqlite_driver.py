"""Puts SQLite 3.53 from PyPI in place of the interpreter's own.

SQLite up to 3.51.2 can corrupt a write-ahead log when it is reset (fixed in 3.51.3).
"""

from __future__ import annotations

import sys


def install() -> None:
    """Make `import sqlite3` mean `pysqlite3`, where that is installed and newer."""
    try:
        import pysqlite3
        import pysqlite3.dbapi2
    except ImportError:
        return
    if "django.db.backends.sqlite3.base" in sys.modules:
        return
    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
