"""Told to stop in the middle, a command leaves nothing half done behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from clients_app.backup.errors import BackupError


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn SIGTERM and Ctrl-C into BackupError, so that everything is cleaned up."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise BackupError("Stopped from outside; nothing was changed.") from None
    finally:
        signal.signal(signal.SIGTERM, before)
