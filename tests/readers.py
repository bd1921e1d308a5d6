"""Everything that takes text from outside, as functions of one text, and its worst texts.

A function of the app that uses a pattern or a normal form and that none of these reaches
makes tests/unit/test_cost.py fail.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.test import RequestFactory

from clients_app import credentials, crypto, csv_text, middleware, throttle
from clients_app.accounts import places, plain_words
from clients_app.accounts.own_address import own_address
from clients_app.delivery import drift
from clients_app.heffl import (
    api,
    contract,
    errors,
    fields,
    headers,
    refusal,
    shape,
    signature,
    transport,
)
from clients_app.heffl.contract import BOTH, NEITHER, FieldKind
from clients_app.imports import cells, columns, sheets
from clients_app.models import Organisation, Submission, User
from clients_app.models.listing import Cursor
from clients_app.models.search_text import name_key_for, search_text_for, terms_of
from clients_app.organisation.forms import CleanText, ReferenceForm
from clients_app.questions import (
    answers,
    areas,
    countries,
    matching,
    phones,
    tax_numbers,
    text,
)
from clients_app.questions.fields import Question
from clients_app.questions.form import SubmissionForm
from clients_app.signup import accept, colours, page_form, robots
from clients_app.views import audit, decisions, history, kept, period, review
from clients_app.web import content_type
from heffl_portal import compression, env, log_config

Reader = Callable[[str], object]
NOW = datetime(2026, 11, 20, tzinfo=UTC)
OPTIONS = tuple(f"خيار {number}" for number in range(50))
# What begins it, what is repeated, and what ends it, so that it fits only almost.
SHAPES: dict[str, tuple[str, str, str]] = {
    "letters": ("", "a", "\x01"),
    "digits": ("", "1", "x"),
    "blanks": ("a", " ", "b"),
    "words": ("", "the l ", "x"),
    "marks": ("a", "\u0301\u0316", "b"),
    "letters of marks": ("ا", "\u0f73\uff9e", ""),
    "nothing to see": ("a", "\u200b\u202e", "b"),
    "ats": ("mailto:", "@", " x"),
    "addresses": ("<", "a@a.", "@>"),
    "numbers in brackets": ("", "(1-", "x"),
    "lines": ("x", "\n", "y"),
    "separators": ('"', ",; ", ""),
    "tags and names": ("", "<a {% cf_a.b[", "-"),
    "nested": ("", "[", ""),
    "backslashes": ('"', "\\", '"'),
    "Arabic": ("", "منطقة ", "x"),
}
REFUSALS = (
    *(ValueError, ValidationError, crypto.SealError, signature.NotSigned),
    *(signature.NotGenuine, errors.UnreadableAnswer, errors.ContractError),
)


def of_shape(name: str, length: int) -> str:
    """Return a text of a shape and a length, in characters."""
    head, unit, tail = SHAPES[name]
    room = length - len(head) - len(tail)
    return head + (unit * (room // len(unit) + 1))[:room] + tail


def question(kind: FieldKind) -> Question:
    return Question(
        name="cf_size",
        api_path=("cf_size",),
        kind=kind,
        allowed_for=BOTH,
        required_for=NEITHER,
        group="more",
        label="Size",
        options=OPTIONS,
    )


def _answers_of_each_kind(typed: str) -> object:
    specs = [replace(question(kind), name=f"cf_{kind}") for kind in FieldKind]
    posted: dict[str, object] = {"name": "A", **{spec.name: typed for spec in specs}}
    return answers.check(posted, region="SA", extra=specs)


def _answers_of_a_type(client_type: str) -> Reader:
    """Return a reader of all of Heffl's own fields, each with the text."""
    names = [spec.name for spec in contract.FIELDS if spec.name != answers.COUNTRY]

    def read(typed: str) -> object:
        posted: dict[str, object] = dict.fromkeys(names, typed)
        posted |= {"type": client_type, answers.COUNTRY: "Saudi Arabia"}
        return answers.check(posted, region="SA")

    return read


def _page(typed: str) -> object:
    organisation = Organisation(name="A", slug="a", country="SA")
    posted = {
        "type": typed,
        "name": typed,
        "submission_token": typed,
        "cf_size": typed,
        answers.COUNTRY: typed,
        answers.PRESET: typed,
    }
    specs = (question(FieldKind.TEXTS),)
    form = SubmissionForm(posted, organisation=organisation, specs=specs)
    return form.token, form.questions


def _many_choices(typed: str) -> object:
    posted = QueryDict(mutable=True)
    posted.setlist("name", ["A"])
    size = max(len(typed) // 400, 1)
    posted.setlist(
        "cf_size", [typed[at : at + size] for at in range(0, len(typed), size)]
    )
    spec = question(FieldKind.OPTIONS)
    return answers.check(posted, region="AE", extra=(spec,))


def _request(**given: Any) -> HttpRequest:
    return RequestFactory().get("/", **given)


def _given(method: str, name: str, typed: str) -> HttpRequest:
    given = QueryDict(mutable=True)
    given[name] = typed
    request = _request()
    setattr(request, method, given)
    return request


def _posted(name: str, typed: str) -> HttpRequest:
    return _given("POST", name, typed)


def _asked(name: str, typed: str) -> HttpRequest:
    return _given("GET", name, typed)


def _with_device(typed: str) -> HttpRequest:
    request = _request()
    request.COOKIES[settings.DEVICE_COOKIE_NAME] = typed
    return request


def _through(
    guard: Callable[[middleware.Handler], middleware.Handler], **given: Any
) -> object:
    seen: list[object] = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.append(request.COOKIES)
        return HttpResponse()

    request = _request()
    request.META.update(given)
    return guard(answer)(request), seen


def _compressed(typed: str) -> object:
    request = _request()
    request.META["HTTP_ACCEPT_ENCODING"] = typed
    made = compression.CompressMiddleware(lambda _request: HttpResponse())
    return made.process_response(request, HttpResponse("x" * 300))


def _reference_field(typed: str) -> object:
    form = ReferenceForm({"reference_field": typed}, instance=Organisation())
    form.cleaned_data = {"reference_field": typed}
    return form.clean_reference_field()


def _refused_client(typed: str) -> object:
    outcome = SimpleNamespace(
        reason="", message=typed, field=typed, code=typed, status=400
    )
    row = Submission(type="company", answers={typed: "x"})
    return drift._refusal(row, cast("Any", outcome))


def _signed(name: str) -> Reader:
    good = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": "v1,x",
    }
    secret = "whsec_" + base64.b64encode(b"x" * 32).decode()
    return lambda typed: signature.check([secret, secret], good | {name: typed}, b"{}")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _in_json(typed: str) -> bytes:
    issue = {"field": typed, "path": [typed] * 3, "message": typed}
    error = {"code": typed, "message": typed, "details": {"issues": [issue]}}
    return _json({"error": error})


def _client_in_json(typed: str) -> bytes:
    client = {"id": "c1", "name": typed, "email": typed, "createdAt": typed, typed: 1}
    return _json(client)


def _fields_in_json(typed: str) -> bytes:
    entry = {"key": "cf_a", "label": typed, "type": typed, "options": [typed, typed]}
    return _json({"data": [entry]})


def _length_of_answer(typed: str) -> object:
    message = SimpleNamespace(get_all=lambda _name, _default: [typed])
    return transport._framing_is_unclear(cast("Any", message))


def _key_of_call(typed: str) -> object:
    request = cast("Any", SimpleNamespace(headers={}))
    with contextlib.suppress(transport.Fault):
        api._KeyAuth(lambda: typed)(request)
    return request


READERS: dict[str, Reader] = {
    "answers of each kind": _answers_of_each_kind,
    "answers of a company": _answers_of_a_type("company"),
    "answers of a contact": _answers_of_a_type("contact"),
    "many choices": _many_choices,
    "page: form": _page,
    "text": text.clean_text,
    "text of many lines": lambda typed: text.clean_text(typed, multiline=True),
    "decimal": text.decimal_text,
    "date": text.iso_date,
    "name, normalised": matching.normalised,
    "name, folded": matching.folded_name,
    "tax number, folded": matching.folded_tax_number,
    "marks of a client": lambda typed: matching.client_keys(
        "contact",
        dict.fromkeys(("name", "first_name", "email", "phone", "tax_number"), typed),
    ),
    "phone": lambda typed: phones.e164(typed, "AE"),
    "phone in use": phones.is_in_use,
    "tax number": tax_numbers.plain,
    "country": countries.country_code,
    "emirate": countries.emirate,
    "area": lambda typed: areas.named("SA", typed),
    "search": terms_of,
    "name in lists": name_key_for,
    "what a client is found by": lambda typed: search_text_for(
        typed, {"name": typed, "phone": typed, "tax_number": typed}
    ),
    "cursor": Cursor.decode,
    "day": period.read_day,
    "days": lambda typed: period.read_period({"from": typed, "to": typed}),
    "filters of the list": lambda typed: history._asked({"q": typed, "status": typed}),
    "filters of the trail": lambda typed: audit._asked(_asked("client", typed)),
    "cell": lambda typed: cells.texts_of([typed]),
    "header of a column": lambda typed: columns.guess_columns([typed], ()),
    **{
        f"cell: {kind}": lambda typed, kind=kind: columns.spelled("x", typed, kind)  # type: ignore[misc]
        for kind in (None, FieldKind.YES_NO, FieldKind.OPTIONS, FieldKind.COUNTRY)
    },
    "encoding of a file": lambda typed: sheets.guess_encoding(
        typed.encode("utf-8", "replace")
    ),
    "delimiter of a file": sheets.guess_delimiter,
    "cell of an export": lambda typed: csv_text.safe_cell(typed[: cells.MAX_CELL]),
    "cell as we export it": lambda typed: csv_text.bare_cell(typed[: cells.MAX_CELL]),
    "content type": content_type.plain,
    "next": lambda typed: own_address(_request(), typed),
    "mailbox": throttle.mailbox_of,
    "password of plain words": lambda typed: plain_words.PlainWordsValidator().validate(
        typed
    ),
    "words of a person": lambda typed: plain_words.words_of(User(email=typed[:254])),
    "cookie of a browser": lambda typed: places._device_of(_with_device(typed)),
    "campaign": accept.campaign_of,
    "token of a form": lambda typed: robots.read_token(typed, Organisation(pk=1)),
    "proof": lambda typed: robots.is_proof(typed, cast("Any", None)),
    "links": lambda typed: robots.has_links([typed]),
    "colour": colours.parse,
    "site": page_form.origin_of,
    "host of a site": lambda typed: page_form.origin_of(f"https://{typed}"),
    "sites": page_form.Origins().clean,
    "text of a setting": CleanText(max_length=120).clean,
    "field for the reference": _reference_field,
    "API key": credentials.clean_key,
    "signing secret": signature.clean_secret,
    **{f"header: {name}": _signed(name) for name in signature.HEADERS},
    "mark of a form": kept.owner_of,
    "chosen clients": lambda typed: review._chosen([typed]),
    "number": decisions.posted_number,
    "reason": lambda typed: decisions.typed_reason(_posted("reason", typed)),
    "refusal": lambda typed: refusal.read_refusal(_in_json(typed), "application/json"),
    "refusal in words": lambda typed: refusal.read_refusal(
        typed.encode("utf-8", "replace"), "text/plain"
    ),
    "field of a refusal": refusal.input_name,
    "field in words": refusal.field_in_words,
    "meaning of a refusal": refusal.meaning_of,
    "refused client": _refused_client,
    "rate": lambda typed: headers.read_rate(
        dict.fromkeys(
            ("ratelimit-limit", "ratelimit-policy", "ratelimit-reset"), typed
        ),
        NOW,
    ),
    "pause": lambda typed: headers.pause_seconds({"retry-after": typed}, NOW),
    "moment": lambda typed: headers.remote_date({"date": typed}),
    "client of Heffl": lambda typed: contract.read_created(_client_in_json(typed)),
    "shape of an answer": lambda typed: shape.of_creation(200, _client_in_json(typed)),
    "fields of Heffl": lambda typed: [
        field.kind for field in fields.read_fields(_fields_in_json(typed)).fields
    ],
    "JSON": lambda typed: contract.load_json(typed.encode("utf-8", "replace")),
    "words of Heffl": lambda typed: contract.clean_text(typed, contract.MAX_VALUE),
    "number for Heffl": lambda typed: contract.build_payload(
        contract.ClientType.COMPANY, {"name": "A", "opening_balance": typed}
    ),
    "length of an answer": _length_of_answer,
    "key of a call": _key_of_call,
    "address of Heffl": api.validate_base_url,
    "log line": log_config.redact,
    "id of a request": lambda typed: _through(
        middleware.request_log, HTTP_X_REQUEST_ID=typed
    ),
    "cookies": lambda typed: _through(middleware.no_cookies, HTTP_COOKIE=f"a={typed}"),
    "accepted encodings": _compressed,
    "setting: rate": env._rate,
    "setting: mail": env._email,
    "setting: address": env._heffl_url,
    "key ring": crypto.KeyRing.parse,
    "key of a seal": crypto.kid_of,
}


def read(name: str, typed: str) -> None:
    """Have a reader read a text; it may refuse it."""
    with contextlib.suppress(*REFUSALS):
        READERS[name](typed)


def read_all(name: str, texts: Iterable[str]) -> None:
    """Have a reader read one text after the other."""
    for typed in texts:
        read(name, typed)


def shapes_of(name: str) -> tuple[str, ...]:
    """Return the shapes that a reader is given: a whole page gets a few of them only."""
    if name.startswith("page: "):
        return "letters", "marks", "ats", "lines"
    return tuple(SHAPES)
