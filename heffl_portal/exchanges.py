"""One request and its answer, as the web server has them: waitress, held to our bounds."""

from __future__ import annotations

import copy
from io import BytesIO
from time import monotonic
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest, RequestEntityTooLarge

from heffl_portal import bounds


class PathTooLong(BadRequest):  # type: ignore[misc]
    """The first line is longer than any of ours."""

    code = 414
    reason = "URI Too Long"


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request as it comes in."""

    adj: Any
    error: Any
    began: float
    body_bytes_received: int

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began = monotonic()

    def received(self, data: bytes) -> int:
        """Take in more; returns how many bytes belong to this request."""
        taken = int(super().received(data))
        if self.error is not None:
            # Else waitress would ask for the body of what it has just refused.
            self.expect_continue = False
            if self.error.body == PathTooLong.reason:
                self.error = PathTooLong("")
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers. Raises ParsingError for what is no request."""
        if len(header_plus.partition(b"\r\n")[0]) > bounds.FIRST_LINE:
            raise ParsingError(PathTooLong.reason)
        try:
            super().parse_header(header_plus)
        except ValueError:  # an address or a length that cannot be
            raise ParsingError("Bad request line or length") from None
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Both a length and chunks")
        if not self.chunked and not self.content_length:
            # Else waitress would ask for a body that is none, and wait for it.
            self.expect_continue = False
        if self.chunked or self.content_length > bounds.FORM:
            most = self.adj.bound_at(self.path)
            self.adj = copy.copy(self.adj)
            self.adj.max_request_body_size = most + 1

    @property
    def held(self) -> int:
        """Return the bytes of the body that lie in memory."""
        return 0 if self.body_rcv is None else len(self.body_rcv)

    @property
    def overdue_at(self) -> float:
        """Return when its sender has had enough time."""
        if not self.headers_finished:
            return self.began + bounds.HEAD
        return float(self.began + bounds.GRACE + self.body_bytes_received / bounds.PACE)


class Answer(WSGITask):  # type: ignore[misc]
    """The application's answer: without a body to HEAD, the last one when we stop."""

    def write(self, data: bytes) -> None:
        """Give out a piece of the answer."""
        super().write(b"" if self.request.command == "HEAD" else data)

    def finish(self) -> None:
        """Give out what ends the answer."""
        if self.request.command != "HEAD":
            super().finish()
        elif not self.wrote_header:
            self.write(b"")

    def build_response_header(self) -> bytes:
        """Return the head of the answer."""
        if self.channel.server.stopping or self.request.error is not None:
            self.set_close_on_finish()
        return bytes(super().build_response_header())


class TooLarge(Answer):
    """The application's answer to a request that was refused for its length.

    It sees the length and none of the body: it refuses it itself, in the person's words.
    """

    def get_environment(self) -> dict[str, Any]:
        """Return the environment of the request without its body."""
        environ: dict[str, Any] = super().get_environment()
        received = self.request.body_bytes_received
        most = self.request.adj.max_request_body_size
        length = max(self.request.content_length, received, most)
        environ |= {"wsgi.input": BytesIO(), "CONTENT_LENGTH": str(length)}
        return environ


def refusal(channel: HTTPChannel, request: Request) -> Answer | ErrorTask:
    """Return what answers a request that was refused before the application saw it."""
    kind = TooLarge if isinstance(request.error, RequestEntityTooLarge) else ErrorTask
    return kind(channel, request)
