"""Logging as JSON lines. Only listed extras are written, and what looks secret is masked."""

from __future__ import annotations

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any

from clients_app.web.request_id import request_id

ALLOWED_EXTRAS = (
    "organisation", "submission", "attempt", "verdict", "phase", "http_status",
    "reason", "hold", "fingerprint", "route", "method", "status", "duration_ms",
    "count", "command", "worker", "user", "action", "code", "seal", "role",
    "version",
)  # fmt: skip

MOST = 2_000
"""So many characters of one text go into a line; headers of a request may be longer."""

# Each begins where the one before cannot still be going on: none is looked at twice.
_MASKS = [
    (re.compile(r"heffl_user_[\x21-\x7e]+"), "heffl_user_***"),
    (re.compile(r"(?i)(x-api-key|authorization|cookie|password|token|secret)(\W{1,4})\S+"), r"\1\2***"),
    (re.compile(r"whsec_\S+"), "whsec_***"),
    (re.compile(r"(?<![\w.+%-])[\w.+%-]++@[\w-]+(\.[\w-]+)+"), "***@***"),
]  # fmt: skip
_NUMBER = re.compile(r"(?<![\w-])\+?\d(?:[ ()-]*+\d){6,}")
_SHORTEST_NUMBER = 9


def redact(text: str) -> str:
    """Mask keys, tokens, e-mail addresses and phone numbers in a line of text.

    A text longer than `MOST` is cut first, at a blank: of a part of an address nobody
    could tell any more that it was one.
    """
    if len(text) > MOST:
        text = text[:MOST].rpartition(" ")[0].rstrip("+0123456789 ()-") + " …"
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return _NUMBER.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    """Mask a number, but not what is part of a word or of an id with hyphens."""
    run, after = found[0], found.string[found.end() : found.end() + 1]
    end = len(run)
    if after == "-" or after == "_" or after.isalnum():
        while end and (run[end - 1] == "-" or run[end - 1].isdecimal()):
            end -= 1
    number = run[:end].rstrip(" ()-")
    if len(number.lstrip("+")) < _SHORTEST_NUMBER:
        return run
    return "***number***" + run[len(number) :]


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON; of an exception its type and frames only."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. The text of an exception is left out: it may hold values."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if current := request_id.get():
            line["request_id"] = current
        for key in ALLOWED_EXTRAS:
            value = record.__dict__.get(key)
            if value is not None:
                line[key] = redact(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["frames"] = [
                f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return json.dumps(line, ensure_ascii=False, default=str)


class Refused(logging.Filter):
    """Makes of what Django refuses a stranger a warning: no fault, and none of their words."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the text and the frames from a record of django.security; keep its kind."""
        if record.name.startswith("django.security."):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args, record.exc_info = "refused", (), None
            record.__dict__["reason"] = record.name.rpartition(".")[2]
        return True


def logging_config() -> dict[str, Any]:
    """Return the dictionary for Django's LOGGING: everything to stderr, as JSON."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "heffl_portal.log_config.JsonFormatter"}},
        "filters": {"refused": {"()": "heffl_portal.log_config.Refused"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "filters": ["refused"],
            },
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            # Django's own handlers would mail tracebacks; ours leave values out.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.request": {"level": "ERROR"},
            "django.security": {"level": "WARNING"},
            "django_tasks": {"level": "WARNING"},
            "django_tasks_db": {"level": "WARNING"},
            "urllib3": {"level": "CRITICAL"},
        },
    }
