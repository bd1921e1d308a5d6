"""Backups of the database in one file each, and the way back from them.

The promise: a file that bears its final name is whole, was read back after it was written,
and tells what it holds; a restore ends with all of it, at this version's tables and held as
after any restore, or with the database as empty as it was.
"""

from clients_app.backup.errors import BackupError
from clients_app.backup.making import back_up
from clients_app.backup.restoring import restore

__all__ = ["BackupError", "back_up", "restore"]
