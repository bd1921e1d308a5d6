"""HefflAPI: one method per endpoint, one HTTP call per method, nothing retried.

A call never raises for what happened on the wire, and never with the key in a frame:
it returns an Outcome (POST) or a Reading (GET). With transport.py the only place that
imports requests.
"""

import ipaddress
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

import requests
from requests.auth import AuthBase
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from .contract import (
    ClientPage,
    ClientType,
    RemoteClient,
    is_json_answer,
    read_created,
    read_page,
)
from .errors import UnreadableAnswer
from .fields import FieldPage, read_fields
from .outcome import (
    Exchange,
    Outcome,
    Phase,
    Reading,
    Verdict,
    judge_creation,
    judge_reading,
)
from .shape import FOUND, LISTED, Shape, of_client, of_list
from .transport import Fault, Flight, FlightAdapter, Limits, fault_reason, tls_context

MAX_BODY = 1 << 20
CHUNK = 1 << 16
V2_LISTS = {ClientType.COMPANY: "companies", ClientType.CONTACT: "contacts"}


def validate_base_url(base_url: str) -> str:
    """Return the base address without a trailing slash, or raise ValueError.

    https everywhere; http only to this machine, for the local stand-in.
    """
    address = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port_is_fine = parts.port != 0
    except ValueError:
        raise ValueError("The address of Heffl is not a web address.") from None
    if not re.fullmatch(r"[\x21-\x7e]+", address) or not host or not port_is_fine:
        raise ValueError("The address of Heffl is not a web address.")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "The address of Heffl must hold no sign-in, question mark or hash."
        )
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ValueError(
            "The address of Heffl must start with https; "
            "http is only for a stand-in on this machine."
        )
    if parts.scheme not in {"http", "https"}:
        raise ValueError("The address of Heffl must start with https.")
    return address


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _KeyAuth(AuthBase):
    """Put the key on one request; the only place where it is in the clear."""

    _usable = re.compile(r"[\x21-\x7e]{1,500}")

    def __init__(self, reveal_key: Callable[[], str]) -> None:
        self._reveal_key = reveal_key
        self._key = ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        try:
            key = self._reveal_key()
        except Exception:  # noqa: BLE001  what cannot be opened is the caller's affair
            raise Fault("key_unreadable") from None
        if not self._usable.fullmatch(key):
            raise Fault("key_malformed")
        self._key = key
        request.headers["x-api-key"] = key
        return request

    def scrub(self, text: str) -> str:
        """Return the text without the key, should the far end have quoted it."""
        return text.replace(self._key, "***") if self._is_distinct else text

    def scrub_body(self, body: bytes) -> bytes:
        """Do the same to a body, where the key may stand as a JSON string."""
        if self._is_distinct:
            for form in (self._key, json.dumps(self._key)[1:-1]):
                body = body.replace(form.encode(), b"***")
        return body

    @property
    def _is_distinct(self) -> bool:
        # A key of a few letters would also be found inside of ordinary words.
        return len(self._key) >= 8


class _OneHopSession(requests.Session):
    """A session that takes nothing from the environment and follows nothing."""

    def __init__(self, adapter: FlightAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.headers.clear()
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Ignore `Location`; requests would read the whole body to look at it."""


class HefflAPI:
    """The API of Heffl for one key.

    `base_url` ends in the version (`…/api/v1`); `reveal_key` is asked once per call;
    timeouts are seconds: for each step of reaching Heffl, for one silence, and for the
    call as a whole; `max_body` is bytes; `verify` True or the path of a CA bundle.
    Raises ValueError for an address or settings that are not safe.
    """

    def __init__(
        self,
        base_url: str,
        reveal_key: Callable[[], str],
        *,
        user_agent: str,
        connect_timeout: float = 5.0,
        read_timeout: float = 20.0,
        total_timeout: float = 30.0,
        max_body: int = MAX_BODY,
        verify: bool | str = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._v1 = validate_base_url(base_url)
        head, slash, version = self._v1.rpartition("/")
        self._v2 = head + "/v2" if slash and version == "v1" else self._v1
        if not verify:
            raise ValueError("The certificate of Heffl is always checked.")
        self._tls = None
        if self._v1.startswith("https:"):
            bundle = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
            self._tls = tls_context(bundle)
        self._reveal_key = reveal_key
        self._user_agent = user_agent
        self._limits = Limits(connect_timeout, read_timeout, total_timeout)
        self._max_body = max_body
        self._clock = clock

    def create_client(self, body: bytes, *, time_left: float | None = None) -> Outcome:
        """POST one encoded payload.

        `time_left` is how many seconds from now the first byte may still leave; when
        they are over, the outcome is SAFE, "deadline_before_send", and nothing went.
        """
        exchange = self._call("POST", f"{self._v1}/clients", body, time_left)
        return judge_creation(exchange)

    def check_key(self) -> Reading[ClientPage]:
        """Ask for one client to see whether the key works.

        A 200 with JSON is enough: `data` is None when the list has a shape that we do
        not know.
        """
        exchange = self._call("GET", f"{self._v1}/clients?limit=1")
        reading = judge_reading(exchange, read_page)
        if reading.status == 200 and not reading.ok and is_json_answer(exchange.body):
            return replace(reading, ok=True, verdict=None, reason="ok")
        return reading

    def get_client(self, client_id: str) -> Reading[RemoteClient]:
        """Read one client; an unknown id is REFUSED, "not_found"."""
        url = f"{self._v1}/clients/{quote(client_id, safe='')}"
        exchange = self._call("GET", url)
        reading = judge_reading(exchange, read_created)
        if not exchange.fault and exchange.status is not None:
            shape = of_client(exchange.status, exchange.body)
            reading = replace(reading, shape=shape)
        if reading.status == 404 and reading.verdict is Verdict.CONFIGURATION:
            return replace(reading, verdict=Verdict.REFUSED, reason="not_found")
        return reading

    def list_clients(
        self,
        *,
        cursor: str | None = None,
        page_no: int | None = None,
        limit: int = 100,
    ) -> Reading[ClientPage]:
        """Read one page of the v1 list, by cursor or in the older way by number."""
        query: dict[str, str | int] = {"limit": limit}
        if page_no is not None:
            query = {"pageNo": page_no, "pageSize": limit}
        if cursor is not None:
            query["cursor"] = cursor
        exchange = self._call("GET", f"{self._v1}/clients?{urlencode(query)}")
        reading = judge_reading(exchange, read_page)
        return replace(reading, shape=_shape("list", exchange, LISTED, reading.ok))

    def search(self, client_type: ClientType, text: str) -> Reading[ClientPage]:
        """Search the v2 list of one type, newest first, up to 100."""
        query = {
            "search": text,
            "orderBy": "createdAt",
            "orderDir": "desc",
            "pageSize": 100,
        }
        url = f"{self._v2}/{V2_LISTS[client_type]}?{urlencode(query)}"
        exchange = self._call("GET", url)
        reading = judge_reading(exchange, lambda body: _page_of(client_type, body))
        return replace(reading, shape=_shape("search", exchange, FOUND, reading.ok))

    def custom_fields(
        self, client_type: ClientType, *, cursor: str | None = None
    ) -> Reading[FieldPage]:
        """Read one page of the workspace's custom fields for one type of client (v2)."""
        query = {"entity": V2_LISTS[client_type]}
        if cursor is not None:
            query["cursor"] = cursor
        url = f"{self._v2}/custom-fields?{urlencode(query)}"
        return judge_reading(self._call("GET", url), read_fields)

    def _call(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        time_left: float | None = None,
    ) -> Exchange:
        """Make one call and return all there is to know; no exception gets out.

        What a signal raises in the middle (KeyboardInterrupt, SystemExit) goes on, but
        without the frames, because those of the HTTP libraries hold the headers.
        """
        flight = Flight(self._limits, self._clock, time_left)
        auth = _KeyAuth(self._reveal_key)
        content, fault = b"", ""
        try:
            content = self._exchange(flight, auth, method, url, body)
            flight.enter(Phase.DONE)
        except Exception as error:  # noqa: BLE001  whatever it is, the phase decides
            fault = fault_reason(error)
        except BaseException as error:  # noqa: BLE001  goes on without its frames
            error.__context__ = None
            raise error.with_traceback(None) from None
        return Exchange(
            phase=flight.phase,
            fault=fault,
            received_at=datetime.now(UTC),
            duration=flight.duration,
            status=flight.status,
            headers={name: auth.scrub(value) for name, value in flight.headers.items()},
            body=auth.scrub_body(content),
        )

    def _exchange(
        self,
        flight: Flight,
        auth: _KeyAuth,
        method: str,
        url: str,
        body: bytes | None,
    ) -> bytes:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": self._user_agent,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        with (
            _OneHopSession(FlightAdapter(flight, self._tls)) as session,
            session.request(
                method,
                url,
                data=body,
                headers=headers,
                auth=auth,
                timeout=(self._limits.connect, self._limits.read),
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            flight.status = answer.status_code
            flight.headers = {
                name.lower(): value for name, value in answer.headers.items()
            }
            return self._read(answer)

    def _read(self, answer: requests.Response) -> bytes:
        body = bytearray()
        for chunk in answer.raw.stream(CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._max_body:
                raise Fault("too_big")
        return bytes(body)


def _shape(
    operation: str, exchange: Exchange, keys: Mapping[str, str], readable: bool
) -> Shape | None:
    if exchange.fault or exchange.status is None:
        return None
    return of_list(operation, exchange.status, exchange.body, keys, readable=readable)


def _page_of(client_type: ClientType, body: bytes) -> ClientPage:
    """Read a v2 page, whose entries leave out their type."""
    page = read_page(body)
    for client in page.items:
        if client.type not in {"", client_type}:
            raise UnreadableAnswer("the list holds clients of another type")
    items = tuple(replace(client, type=client_type.value) for client in page.items)
    return replace(page, items=items)
