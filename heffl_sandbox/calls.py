"""The log of calls to the API: when each arrived, whose it was, how it ended."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass

KEPT = 100_000


@dataclass(slots=True)
class Call:
    """One call. `monotonic` and `at` are the arrival, `seconds` how long it took.

    `status` is None while the call runs and when it was cut before a status line;
    `key` is the last four characters; `client_id` what it created.
    """

    monotonic: float
    at: float
    seq: int = 0
    method: str = ""
    path: str = ""
    query: str = ""
    key: str = ""
    workspace: str = ""
    status: int | None = None
    fault: str = ""
    client_id: str = ""
    bytes_in: int = 0
    seconds: float | None = None

    def end(self) -> None:
        """Note how long it took, in seconds to the microsecond."""
        self.seconds = round(time.monotonic() - self.monotonic, 6)


class CallLog:
    """The newest calls, in the order in which they arrived."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=kept)
        self._seq = 0

    def keep(self, call: Call) -> None:
        """Number a call and put it into the log, once."""
        with self._lock:
            if not call.seq:
                self._seq += 1
                call.seq = self._seq
                self._calls.append(call)

    def list(
        self, *, since: int = 0, workspace: str = "", newest: int | None = None
    ) -> list[Mapping[str, object]]:
        """Return the calls after number `since`, oldest first, as dictionaries.

        `workspace` is a name, "" for all; `newest` leaves only so many of the last.
        """
        with self._lock:
            calls = [*self._calls]
        chosen = [
            call
            for call in calls
            if call.seq > since and workspace in ("", call.workspace)
        ]
        if newest is not None:
            chosen = chosen[-newest:]
        return [asdict(call) for call in chosen]

    def clear(self) -> None:
        """Forget every call; the numbering goes on."""
        with self._lock:
            self._calls.clear()
