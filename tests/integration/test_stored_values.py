"""Whatever a column holds, no page of the organisation breaks: it shows what it can."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, models, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clients_app.credentials import seal_new
from clients_app.crypto import Secret
from clients_app.models import (
    ApiCredential,
    AuditEvent,
    CustomField,
    DeliveryAttempt,
    DriftSign,
    FieldReading,
    FileImport,
    Hold,
    HoldReason,
    ImportedRow,
    Incident,
    IncidentKind,
    Invitation,
    Membership,
    Organisation,
    RateBudget,
    Retention,
    SignupPage,
    Status,
    Submission,
    SubmissionRevision,
    User,
)
from tests.factories import CustomFieldFactory, SubmissionFactory
from tests.routes import OF_A_PERSON, OF_AN_ORGANISATION, PUBLIC

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.django_db]

TEXTS = ["", "Mars/Base", "<b>\u202e٣"]
SHAPES: list[Any] = [None, {}, "text", 7, [None, 1, {}], [["a"]], {"name": {"b": []}}]
MOMENTS = [
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime(2900, 1, 1, tzinfo=UTC),
]
UNTOUCHED = {"uuid", "slug", "submission_token", "search_text"}
"""Names by which the pages are asked for, and what nothing reads back."""


def odd_values(field):
    """Return what a column can hold that nobody meant it to."""
    if isinstance(field, models.JSONField):
        return SHAPES
    if isinstance(field, models.DateTimeField):
        return MOMENTS + [None] * field.null
    if isinstance(field, models.DateField):
        return [each.date() for each in MOMENTS]
    if isinstance(field, models.BooleanField):
        return [True, False]
    if isinstance(field, models.FloatField):
        return [1e300, -1.0]
    if isinstance(field, models.IntegerField):
        return [0, -1, 2**31 - 1, 32767, None]
    if isinstance(field, models.BinaryField):
        return [b"", b"garbage", None]
    if isinstance(field, models.CharField):
        most = field.max_length or 1000
        return [text for text in [*TEXTS, "é" * most] if len(text) <= most]
    return []


def clients_of(organisation, key):
    """Make a client in each status that pages tell apart, with its past."""
    rows = [
        SubmissionFactory(
            organisation=organisation,
            status=status,
            source="signup",
            receipt=f"receipt-{status}",
            heffl_id="clt_1" if status == Status.CREATED else "",
        )
        for status in (Status.PENDING, Status.NEEDS_FIX, Status.REVIEW, Status.CREATED)
    ]
    for row in rows:
        DeliveryAttempt.objects.create(
            submission=row,
            fence=1,
            fingerprint=key.fingerprint,
            started_at=timezone.now(),
            deadline_at=timezone.now(),
            body_sha256="a" * 64,
        )
        SubmissionRevision.objects.create(
            submission=row, revision=1, answers={"name": "Old"}, type="company"
        )
        AuditEvent.objects.create(
            organisation_id=organisation.pk,
            action="submission.accepted",
            object_type="submission",
            object_id=str(row.uuid),
        )
    return rows


@pytest.fixture
def furnished(owner, organisation, settings):
    """Furnish the organisation with a row of everything that its pages show."""
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 400
    Organisation.objects.update(signup_mode="send", reference_field="cf_ref")
    SignupPage.objects.create(
        organisation=organisation,
        languages=["en"],
        consent_en="Yes",
        kiosk_key="k" * 32,
    )
    CustomFieldFactory(
        organisation=organisation, kind="option", options=["a", "b"], is_public=True
    )
    FieldReading.objects.create(
        organisation=organisation,
        read_at=timezone.now(),
        told=[],
        drift=[["unknown", "cf_x"]],
    )
    Retention.objects.create(organisation=organisation)
    key = seal_new(organisation, Secret("heffl_user_0123456789"))
    RateBudget.objects.create(fingerprint=key.fingerprint)
    Hold.objects.create(fingerprint=key.fingerprint, reason=HoldReason.KEY_REFUSED)
    Incident.objects.create(organisation=organisation, kind=IncidentKind.OUTAGE)
    DriftSign.objects.create(
        organisation=organisation,
        operation="create",
        sign="unknown key",
        example="x",
        standing_since=timezone.now(),
    )
    Invitation.objects.create(
        organisation=organisation,
        email="new@al-noor.test",
        role="admin",
        token_hash="a" * 64,
        expires_at=timezone.now(),
    )
    rows = clients_of(organisation, key)
    made = FileImport.objects.create(
        organisation=organisation,
        created_by=owner.user,
        file_name="clients.csv",
        sha256="a" * 64,
        kind="csv",
        content=zlib.compress(b"name\r\nGulf Star\r\n"),
        encoding="utf-8",
        delimiter=",",
        columns=["name"],
        total=1,
    )
    ImportedRow.objects.create(file_import=made, submission=rows[0], line=2)
    return rows, made


def addresses(furnished, organisation):
    """Return every page of the organisation, by who asks."""
    rows, made = furnished
    field = CustomField.objects.filter(organisation=organisation).first()
    person = Membership.objects.get(organisation=organisation).user_id
    values = {
        "<slug:slug>": organisation.slug,
        "<uuid:import_id>": str(made.uuid),
        "<int:pk>": str(field.pk),
        "<int:person>": str(person),
        "<slug:digest>": "0" * 16,
        "<slug:receipt>": "receipt-NEEDS_FIX",
        "<str:token>": "nothing",
    }
    mine, theirs = [], []
    for found, routes in (
        (mine, [*OF_AN_ORGANISATION, *OF_A_PERSON]),
        (theirs, PUBLIC),
    ):
        for route in sorted(routes):
            for mark, value in values.items():
                route = route.replace(mark, value)
            each = rows if "<uuid:uuid>" in route else rows[:1]
            found += [f"/{route.replace('<uuid:uuid>', str(row.uuid))}" for row in each]
    return sorted(set(mine)), sorted(set(theirs))


TABLES = [
    Organisation,
    SignupPage,
    CustomField,
    FieldReading,
    Retention,
    ApiCredential,
    RateBudget,
    Hold,
    Incident,
    DriftSign,
    Invitation,
    Membership,
    User,
    Submission,
    DeliveryAttempt,
    SubmissionRevision,
    FileImport,
    ImportedRow,
]


def columns(table):
    return [
        field
        for field in table._meta.concrete_fields
        if not field.primary_key
        and not field.is_relation
        and field.name not in UNTOUCHED
        and not (table is User and field.name in ("email", "password", "is_active"))
    ]


def ask(asker, page):
    answer = asker.get(page)
    if answer.streaming:
        list(answer.streaming_content)
    return answer


def reads(asker, page):
    """Return all that a page asks of the database, as SQL."""
    with CaptureQueriesContext(connection) as told:
        assert ask(asker, page).status_code < 500, page
    return " ".join(each["sql"] for each in told)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_no_stored_value_breaks_a_page(
    table, furnished, organisation, owner, signed_in
):
    browser = signed_in(owner)
    browser.raise_request_exception = False
    stranger = Client(raise_request_exception=False)
    mine, theirs = addresses(furnished, organisation)
    reading = {page: reads(browser, page) for page in mine}
    reading |= {page: reads(stranger, page) for page in theirs}
    broken = []
    for field in columns(table):
        column = f'"{table._meta.db_table}"."{field.column}"'
        asked = [page for page, queries in reading.items() if column in queries]
        for value in odd_values(field):
            mark = transaction.savepoint()
            try:
                with transaction.atomic():
                    table.objects.update(**{field.name: value})
            except (IntegrityError, DataError, OverflowError, TypeError, ValueError):
                transaction.savepoint_rollback(mark)
                continue
            for page in asked:
                answer = ask(stranger if page in theirs else browser, page)
                if answer.status_code >= 500:
                    broken.append((field.name, value, page))
            transaction.savepoint_rollback(mark)
    assert not broken, f"{len(broken)}: {broken[:10]}"
