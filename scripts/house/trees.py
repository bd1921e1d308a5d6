"""Trees to measure: the working tree, and any revision in a directory for the moment."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
OWN = Path(__file__).resolve().parent


@contextmanager
def revision(name: str, repository: Path = BASE_DIR) -> Iterator[Path]:
    """Lend a directory with the files of a revision.

    Raises subprocess.CalledProcessError when git knows none of that name.
    """
    packed = subprocess.run(
        ["git", "archive", "--format=tar", name],  # noqa: S607 - the git that made the tree
        cwd=repository,
        check=True,
        stdout=subprocess.PIPE,
    )
    with tempfile.TemporaryDirectory(prefix="house-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def environment(var_dir: str) -> dict[str, str]:
    """Return the settings of an installation that is made for the moment, in `var_dir`."""
    return {
        "SECRET_KEY": "the-figures-of-the-house-" * 3,
        "PORTAL_KEYRING": f"house:{base64.b64encode(bytes(range(32))).decode()}",
        "PORTAL_VAR_DIR": var_dir,
        "DATABASE_URL": f"sqlite:///{var_dir}/portal.sqlite3",
        "HEFFL_API_URL": "http://127.0.0.1:9/api/v1",
        "EMAIL_URL": "memory://",
        "MFA_REQUIRED_ROLES": "",
        "ALLOWED_HOSTS": "localhost",
        "DJANGO_SETTINGS_MODULE": "heffl_portal.settings",
    }


def run_within(tree: Path, program: str, more: Mapping[str, str] | None = None) -> str:
    """Run one of this package's programs on the modules of a tree; return what it prints.

    -P keeps the program's own folder out of sys.path: every `import clients_app` finds
    the tree's. Raises subprocess.CalledProcessError.
    """
    done = subprocess.run(
        [sys.executable, "-P", str(OWN / program)],
        cwd=tree,
        env={**os.environ, **(more or {}), "PYTHONPATH": str(tree)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout
