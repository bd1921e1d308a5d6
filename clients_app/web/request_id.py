"""The id of the request that is being answered, for log lines and for pages about a fault."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
