"""Finds a Chromium for the browser tests, or installs one."""

from __future__ import annotations

import os
import shutil
import subprocess

from scripts import packages

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_PATHS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def works(path: str) -> bool:
    """Say whether a program is a browser that starts (Ubuntu has an empty shell of one)."""
    try:
        told = subprocess.run(
            [path, "--version"], capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return told.returncode == 0 and b"Chrom" in told.stdout


def find() -> str | None:
    """Return the path of a browser: $CHROMIUM, or the first of the usual ones."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), *MAC_PATHS]
    return next((path for path in found if path and works(path)), None)


def find_or_install() -> tuple[str | None, str]:
    """Return the path of a browser, or None and why there is none."""
    path = find()
    if path is None and packages.can_install():
        packages.install("chromium", "fonts-dejavu-core")
        path = find()
    if path is None:
        return None, "no Chromium; install it, or name one: CHROMIUM=/path/to/chromium"
    return path, ""
