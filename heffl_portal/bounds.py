"""What one connection and one process of the web server may take; how waitress is told so."""

from __future__ import annotations

from collections.abc import Callable

from waitress.adjustments import Adjustments

FORM = 131_072
"""Bytes that a request may have wherever its page does not take more."""
IDLE = 20.0
"""Seconds that a connection may say nothing between requests."""
HEAD = 10.0
"""Seconds from the first byte of a request to the end of its headers."""
GRACE, PACE = 30.0, 4096
"""Bodies and answers may take so many seconds, and longer at so many bytes a second."""
STALLED = 30.0
"""Seconds that somebody may take nothing of an answer that waits."""
FAREWELL, FAREWELL_BYTES = 2.0, 8 * 1_048_576
"""Seconds and bytes that somebody may go on sending who was refused, to hear the answer."""
CONNECTIONS = 2_000
"""Connections of one process, if the system lets it have so many files."""
IN_MEMORY = 64 * 1_048_576
"""Bytes of requests and answers that one process holds for others in all."""
ON_DISK = 1024 * 1_048_576
"""Bytes of answers that wait in the temporary directory for slow readers in all."""
KEPT_SHORT = 262_144
"""Of a longer answer that its reader does not keep up with, the rest waits on disk."""
FIRST_LINE, HEADERS = 4094, 32_768
FILE_THREADS = 1
FILES = (".csv", ".xlsx")

BoundAt = Callable[[str], int]


def settings_of(bound_at: BoundAt) -> Adjustments:
    """Return what waitress is told: our bounds, and no name of itself anywhere."""
    made = Adjustments(
        ident=None,
        clear_untrusted_proxy_headers=False,  # TRUSTED_PROXY_COUNT decides, in Django
        log_socket_errors=False,
        asyncore_use_poll=True,
        cleanup_interval=1,
        connection_limit=CONNECTIONS + 64,
        max_request_header_size=HEADERS,
        max_request_body_size=FORM + 1,  # waitress refuses what reaches it
        inbuf_overflow=2 * IN_MEMORY,
        outbuf_overflow=KEPT_SHORT,
        outbuf_high_watermark=2 * ON_DISK,
        recv_bytes=65_536,
    )
    made.bound_at = bound_at
    return made
