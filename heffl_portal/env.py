"""The one reader of environment variables. Names everything wrong at once, never a value."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import dj_database_url
import dj_email_url
from environs import EnvValidationError, FileAwareEnv

from heffl_portal.startup import StartupError

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("PORTAL_VAR_DIR") or BASE_DIR / "var").absolute()
LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1", "[::1]", ".localhost"}
# A machine that vanishes in the middle of a transaction must not keep its locks until the
# server notices by itself, which takes hours; nor may a thread wait that long for a server.
GONE_SOON = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 40_000,
    "options": (
        "-c idle_in_transaction_session_timeout=60000 -c tcp_user_timeout=40000 "
        "-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
    ),
}
WEB_THREADS = 16
"""Threads of each web process; a page that waits for its number holds one."""
ROLES = frozenset({"owner", "admin", "reviewer", "frontdesk"})
HINTS = {
    "SECRET_KEY": "a long random text; `make run` makes one in var/secret_key",
    "PORTAL_KEYRING": "the key ring; docs/operations.md says how to make the first",
}


@dataclass(frozen=True)
class Environment:
    """Every setting that may differ between installations, checked.

    `rate_limit` is calls per seconds; `database` and `email` are what Django takes.
    What each of them is for: .env.example.
    """

    secret_key: str
    keyring: str
    debug: bool
    allowed_hosts: list[str]
    https_only: bool
    database: dict[str, Any]
    email: dict[str, Any]
    heffl_api_url: str
    rate_limit: tuple[int, float]
    mfa_required_roles: list[str]
    trusted_proxy_count: int
    delivery_threads: int
    metrics_token: str


@dataclass(frozen=True)
class WebServer:
    """What the web server needs to know: the loopback port and the number of processes."""

    port: int
    workers: int


def is_loopback(host: str) -> bool:
    """Say whether a host name or address means this machine."""
    name = host.strip("[]").lower()
    if name in LOOPBACK_NAMES or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _rate(text: str) -> tuple[int, float]:
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if not match or int(match[1]) < 1 or int(match[2]) < 1:
        raise ValueError("must look like 60/60: calls per seconds, both at least 1")
    return int(match[1]), float(match[2])


def _heffl_url(text: str) -> str:
    url = text.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError("must be an address like https://api.heffl.com/api/v1")
    try:
        parts.port  # noqa: B018 - raises for a port that cannot be
    except ValueError:
        raise ValueError("names a port that cannot be") from None
    if parts.username or parts.password:
        raise ValueError("must not carry a user name or password")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must begin with https:// (http:// is for this machine only)")
    return url


def _database(text: str) -> dict[str, Any]:
    try:
        config: dict[str, Any] = {**dj_database_url.parse(text, conn_max_age=600)}
    except Exception:  # noqa: BLE001 - the library's own errors quote the address
        raise ValueError(
            "must look like sqlite:///path or postgresql://user@host/name"
        ) from None
    engine = str(config["ENGINE"])
    if engine.endswith("sqlite3"):
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
            ),
        }
    elif engine.endswith("postgresql"):
        config["ENGINE"] = "heffl_portal.postgresql"
        config["CONN_HEALTH_CHECKS"] = True
        options = {**GONE_SOON, **config.setdefault("OPTIONS", {})}
        options["options"] = f"{options['options']} {os.environ.get('PGOPTIONS', '')}"
        config["OPTIONS"] = options
    else:
        raise ValueError("must begin with sqlite:// or postgresql://")
    return config


def _email(text: str) -> dict[str, Any]:
    # The library knows the two usual kinds under other names, or not at all.
    plain = re.sub(r"^smtp\+tls:", "submission:", text.strip())
    plain = re.sub(r"^smtp\+ssl:", "smtp:", plain)
    try:
        config = dict(dj_email_url.parse(plain))
    except Exception:  # noqa: BLE001 - the library's own errors quote the address
        config = {}
    if "EMAIL_BACKEND" not in config:
        raise ValueError(
            "must look like smtp+tls://user:password@host:587, file:///path or console:"
        )
    if text.strip().startswith("smtp+ssl:"):
        config["EMAIL_USE_SSL"] = True
    if config["EMAIL_FILE_PATH"]:
        # The library drops the first slash of file:///path.
        config["EMAIL_FILE_PATH"] = "/" + str(config["EMAIL_FILE_PATH"]).lstrip("/")
    return config


def _private_file(name: str) -> str | None:
    """Return the path of a secret that `make run` left in var/, if it is there."""
    path = VAR_DIR / name
    try:
        if path.is_file() and not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return str(path)
    except OSError:
        return None
    return None


def _secret(env: FileAwareEnv, name: str, fallback: str) -> str:
    path = _private_file(fallback)
    default = Path(path).read_text().strip() if path else None
    if default is None:
        return str(env.str(name))
    return str(env.str(name, default=default))


def _roles(env: FileAwareEnv) -> list[str]:
    named = env.list("MFA_REQUIRED_ROLES", default=["owner", "admin"])
    return [role.strip() for role in named or [] if role.strip()]


def _missing_or_malformed(env: FileAwareEnv) -> list[str]:
    """Return a line for every variable that could not be read so far."""
    try:
        env.seal()
    except EnvValidationError as error:
        by_name = cast("Mapping[str, list[str]]", error.error_messages)
    else:
        return []
    lines = []
    for name, reasons in by_name.items():
        missing = any("not set" in reason for reason in reasons)
        hint = f" ({HINTS[name]})" if name in HINTS else ""
        word = "is not set" if missing else "is malformed"
        lines.append(f"{name} {word}{hint}")
    return lines


def _out_of_range(name: str, number: int | None, low: int, high: int) -> list[str]:
    if number is None or low <= number <= high:
        return []
    return [f"{name} must be between {low} and {high}"]


def read() -> Environment:
    """Read and check the environment.

    Raises StartupError with one line for every variable that is missing or malformed.
    """
    env = FileAwareEnv(eager=False, strip_whitespace=True)
    problems: list[str] = []

    def checked(name: str, default: str, parse: Any) -> Any:
        try:
            return parse(env.str(name, default=default))
        except ValueError as error:
            problems.append(f"{name} {error}")
            return None

    secret_key = keyring = ""
    try:
        secret_key = _secret(env, "SECRET_KEY", "secret_key")
        keyring = _secret(env, "PORTAL_KEYRING", "keyring")
    except ValueError as error:  # an unreadable …_FILE
        problems.append(str(error))
    debug = env.bool("DEBUG", default=False)
    hosts = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
    local = bool(hosts) and all(host and is_loopback(host) for host in hosts)
    https_only = env.bool("HTTPS_ONLY", default=not local)
    roles = _roles(env)
    if set(roles) - ROLES:
        problems.append("MFA_REQUIRED_ROLES may name owner, admin, reviewer, frontdesk")
    proxies = env.int("TRUSTED_PROXY_COUNT", default=0)
    threads = env.int("DELIVERY_THREADS", default=4)
    metrics_token = env.str("METRICS_TOKEN", default="")
    heffl_api_url = checked("HEFFL_API_URL", "https://api.heffl.com/api/v1", _heffl_url)
    rate_limit = checked("HEFFL_RATE_LIMIT", "60/60", _rate)
    sqlite = f"sqlite:///{VAR_DIR / 'portal.sqlite3'}"
    database = checked("DATABASE_URL", sqlite, _database)
    email = checked("EMAIL_URL", f"file:///{VAR_DIR / 'mail'}", _email)
    problems += _missing_or_malformed(env)
    problems += _out_of_range("TRUSTED_PROXY_COUNT", proxies, 0, 10)
    problems += _out_of_range("DELIVERY_THREADS", threads, 2, 64)
    if problems:
        raise StartupError(
            "these settings need correcting: "
            + "; ".join(dict.fromkeys(problems))
            + ". The list of settings is in .env.example."
        )
    return Environment(
        secret_key=secret_key,
        keyring=keyring,
        debug=debug,
        allowed_hosts=hosts,
        https_only=https_only,
        database=database,
        email=email,
        heffl_api_url=heffl_api_url,
        rate_limit=rate_limit,
        mfa_required_roles=roles,
        trusted_proxy_count=proxies,
        delivery_threads=threads,
        metrics_token=metrics_token,
    )


def read_web_server() -> WebServer:
    """Read PORT and WEB_WORKERS. Raises StartupError when one is malformed."""
    env = FileAwareEnv(eager=False, strip_whitespace=True)
    port = env.int("PORT", default=8000)
    workers = env.int("WEB_WORKERS", default=2)
    try:
        env.seal()
    except EnvValidationError:
        raise StartupError("PORT and WEB_WORKERS must be whole numbers.") from None
    if not 1 <= port <= 65535:
        raise StartupError("PORT must be a number from 1 to 65535.")
    if not 1 <= workers <= 64:
        raise StartupError("WEB_WORKERS must be a number from 1 to 64.")
    return WebServer(port, workers)
