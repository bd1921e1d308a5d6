"""The list, the export, one client's page and its status, as people in each role see them."""

from __future__ import annotations

import html
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from clients_app.models import (
    AuditEvent,
    CustomField,
    DeliveryAttempt,
    Hold,
    Status,
    Submission,
)
from clients_app.models.search_text import name_key_for, search_text_for
from tests.factories import SubmissionFactory

LIST = "/o/al-noor/clients/"
AT = datetime(2026, 11, 20, 13, 25, tzinfo=UTC)
STATE = {
    "CREATED": {"number": "CLT-00871", "heffl_id": "h-1"},
    "SENDING": {"lease_until": AT + timedelta(days=9000)},
}


def _client(organisation, name="Gulf Trading", **given):
    return SubmissionFactory(
        organisation=organisation,
        display_name=name,
        name_key=name_key_for(name),
        search_text=search_text_for(name, {}),
        **given,
    )


def _text(response):
    body = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(body).split())


def _queries(client, address):
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(address)
    assert response.status_code == 200
    return len(captured)


@pytest.mark.slow
def test_a_page_costs_the_same_queries_at_60_and_at_600_clients(
    organisation, frontdesk, signed_in
):
    client = signed_in(frontdesk)
    asked = [
        "", "?status=QUEUED", "?type=company&source=frontdesk", "?sort=name",
        "?q=gulf", "?q=g", "?q=gulf&status=QUEUED", "?from=2026-11-01&to=2026-11-30",
        "?from=2026-11-01&sort=name", "?q=gulf&from=2026-11-01",
    ]  # fmt: skip
    for _ in range(60):
        _client(organisation, created_by=frontdesk.user, created_at=AT)
    few = [_queries(client, LIST + query) for query in asked]
    for _ in range(540):
        _client(organisation, created_by=frontdesk.user, created_at=AT)

    many = [_queries(client, LIST + query) for query in asked]

    # A search of more than 500 hits is answered in another way.
    assert [n for n, q in zip(many, asked, strict=True) if "q=" not in q] == [
        n for n, q in zip(few, asked, strict=True) if "q=" not in q
    ]
    assert max(few + many) <= 12


def test_older_and_newer_lead_through_all_clients_and_back(
    organisation, frontdesk, signed_in
):
    client = signed_in(frontdesk)
    made = [_client(organisation, name=f"C{at}", created_at=AT) for at in range(120)]
    pages = []
    address = LIST

    while address:
        page = client.get(address).content.decode()
        pages.append(
            re.findall(r'<th scope="row"><a href="[^"]*/([0-9a-f-]{36})/"', page)
        )
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = LIST + html.unescape(older[1]) if older else ""
    newer = re.search(r'rel="prev" href="([^"]+)"', page)
    back = client.get(LIST + html.unescape(newer[1])).content.decode()

    assert [len(page) for page in pages] == [50, 50, 20]
    assert sum(pages, []) == [str(row.uuid) for row in reversed(made)]
    assert re.findall(r'<a href="[^"]*/([0-9a-f-]{36})/"', back) == pages[1]


def test_the_list_shows_names_numbers_people_and_times(
    organisation, frontdesk, signed_in
):
    _client(
        organisation, name="<b>مؤسسة</b>", created_by=frontdesk.user, status="CREATED",
        created_at=timezone.now().replace(month=1, day=2, hour=13, minute=25),
        **STATE["CREATED"],
    )  # fmt: skip
    _client(organisation, source="signup", created_at=datetime(2020, 5, 1, tzinfo=UTC))

    page = signed_in(frontdesk).get(LIST)

    assert "<bdi>&lt;b&gt;مؤسسة&lt;/b&gt;</bdi>" in page.content.decode()
    assert "CLT-00871" in _text(page)
    assert "2 Jan, 17:25" in _text(page)
    assert "1 May 2020, 04:00" in _text(page)
    assert "Signup page" in _text(page)
    assert "2 clients" in _text(page)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("status=REVIEW", "two"),
        ("type=contact", "two"),
        ("source=import", "two"),
        ("from=2026-11-20", "two"),
        ("to=2026-11-19", "one"),
        ("q=two", "two"),
        ("status=QUEUED&q=client", "one"),
    ],
)
def test_each_filter_keeps_its_clients_and_shows_a_chip(
    organisation, frontdesk, signed_in, query, shown
):
    # 20:30 UTC on the 19th is the 20th in Dubai.
    _client(organisation, "Client one", created_at=AT - timedelta(days=1))
    _client(
        organisation, "Client two", status="REVIEW", type="contact", source="import",
        created_at=datetime(2026, 11, 19, 20, 30, tzinfo=UTC),
    )  # fmt: skip

    page = signed_in(frontdesk).get(f"{LIST}?{query}")

    hidden = {"one": "two", "two": "one"}[shown]
    assert f"Client {shown}" in _text(page)
    assert f"Client {hidden}" not in _text(page)
    assert 'class="chips"' in page.content.decode()


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("from=garbage", "from", "Enter a real date"),
        ("to=2026-02-30", "to", "Enter a real date"),
        ("from=0001-01-01", "from", "Enter a real date"),
        ("to=9999-12-31", "to", "Enter a real date"),
        ("from=2026-11-20&to=2026-11-19", "to", "on or after"),
        ("status=FOO", "status", "Choose one from the list"),
        ("type=%00", "type", ""),
        ("source=x' OR 1=1", "source", "Choose one from the list"),
        ("q=" + "x" * 10_000, "q", "330 characters or fewer"),
        ("sort=evil", "", ""),
        ("cursor=garbage", "", ""),
        ("cursor=" + "A" * 9_000, "", ""),
        ("q=%00%F0%9F%99%82%22'", "", ""),
        ("q=%ff%fe", "", ""),
    ],
)
def test_what_cannot_be_understood_is_named_and_breaks_nothing(
    organisation, frontdesk, signed_in, query, field, words
):
    _client(organisation)

    page = signed_in(frontdesk).get(f"{LIST}?{query}")

    assert page.status_code == 200
    if words:
        assert words in _text(page)
        assert f'aria-describedby="id_{field}_error"' in page.content.decode()
        assert "Gulf Trading" in _text(page)


def test_sorted_columns_say_so_and_turn_round(organisation, frontdesk, signed_in):
    _client(organisation)
    client = signed_in(frontdesk)

    newest = client.get(LIST).content.decode()
    by_name = client.get(f"{LIST}?sort=name").content.decode()

    assert newest.count("aria-sort") == 1
    assert 'class="c-added" aria-sort="descending"><a href="?sort=added"' in newest
    assert 'aria-sort="ascending"><a href="?sort=-name"' in by_name


def test_empty_lists_say_what_to_do(organisation, frontdesk, signed_in):
    client = signed_in(frontdesk)

    assert "No clients yet." in _text(client.get(LIST))
    assert "No clients match." in _text(client.get(f"{LIST}?q=nobody"))


def test_the_export_hands_out_the_filtered_list_and_is_noted(
    organisation, frontdesk, signed_in
):
    _client(organisation, "Falcon Works", status="REVIEW")
    _client(organisation, "Gulf Works", status="REVIEW")

    answer = signed_in(frontdesk).get(f"{LIST}export.csv?q=falcon&status=REVIEW")
    body = b"".join(answer.streaming_content).decode()

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    name = f'filename="clients-al-noor-{timezone.localdate():%Y-%m-%d}.csv"'
    assert name in answer["Content-Disposition"]
    assert '"Falcon Works"' in body
    assert "Gulf Works" not in body
    event = AuditEvent.objects.get(action="export")
    assert event.actor_id == frontdesk.user_id
    assert event.detail == {"filters": ["q", "status"]}


def test_an_export_with_a_wrong_filter_never_hands_out_everything(
    organisation, frontdesk, signed_in
):
    answer = signed_in(frontdesk).get(f"{LIST}export.csv?from=garbage")

    assert answer.status_code == 302
    assert answer["Location"] == f"{LIST}?from=garbage"
    assert not AuditEvent.objects.filter(action="export").exists()


PAGES = ["{list}", "{list}export.csv", "{list}{uuid}/", "{list}{uuid}/status/"]


@pytest.mark.parametrize("page", PAGES)
def test_another_organisations_pages_are_not_there(
    organisation, outsider, signed_in, page
):
    row = _client(organisation)
    address = page.format(list=LIST, uuid=row.uuid)

    stranger = signed_in(outsider).get(address)
    borrowed = signed_in(outsider).get(address.replace("al-noor", "elsewhere"))

    assert stranger.status_code == 404
    assert borrowed.status_code in {404, 200}
    body = b"".join(borrowed) if borrowed.streaming else borrowed.content
    assert b"Gulf Trading" not in body


@pytest.mark.parametrize("page", PAGES)
def test_pages_ask_strangers_to_sign_in(organisation, client, page):
    row = _client(organisation)

    answer = client.get(page.format(list=LIST, uuid=row.uuid))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_an_unknown_client_is_not_found(organisation, frontdesk, signed_in):
    answer = signed_in(frontdesk).get(f"{LIST}{uuid.uuid4()}/")

    assert answer.status_code == 404


@pytest.mark.parametrize("status", Status.values)
def test_every_status_has_words_and_says_where_to_ask_again(
    organisation, frontdesk, signed_in, status
):
    row = _client(
        organisation, status=status, closed_reason="", **STATE.get(status, {})
    )
    client = signed_in(frontdesk)

    page = client.get(f"{LIST}{row.uuid}/")
    block = client.get(f"{LIST}{row.uuid}/status/").content.decode()
    told = client.get(
        f"{LIST}{row.uuid}/status/", headers={"accept": "application/json"}
    )

    assert page.status_code == 200
    assert f'data-status="{status}"' in block
    assert f'data-poll="{LIST}{row.uuid}/status/"' in block
    assert ("data-final" in block) is (status in {"CREATED", "REJECTED", "DROPPED"})
    assert told.json().keys() == {"status", "number", "heffl_id", "message"}
    assert told.json()["status"] == status
    assert len(told.json()["message"]) > 10
    assert "<!doctype" not in block


def test_a_created_client_shows_its_number_and_nothing_to_do(
    organisation, frontdesk, signed_in
):
    row = _client(organisation, status="CREATED", **STATE["CREATED"])
    client = signed_in(frontdesk)

    page = client.get(f"{LIST}{row.uuid}/").content.decode()
    told = client.get(
        f"{LIST}{row.uuid}/status/", headers={"accept": "application/json"}
    ).json()

    assert 'data-number="CLT-00871"' in page
    assert 'data-say="Client number CLT-00871"' in page
    assert "Correct and resend" not in page
    assert told["number"] == "CLT-00871"
    assert told["heffl_id"] == "h-1"


@pytest.mark.parametrize(
    ("country", "label"),
    [
        ("Oman", "Governorate"),
        ("United Arab Emirates", "Emirate"),
        ("Germany", "State or province"),
        ("", "State or province"),
    ],
)
def test_a_client_s_area_is_called_as_in_its_country(
    organisation, frontdesk, signed_in, country, label
):
    answers = {
        "name": "Gulf Trading",
        "billing_address__country": country,
        "billing_address__state": "Somewhere",
    }
    row = _client(
        organisation,
        answers=answers,
        status="NEEDS_FIX",
        problem="http_400",
        problem_field="billing_address__state",
        message="too long",
    )

    text = _text(signed_in(frontdesk).get(f"{LIST}{row.uuid}/"))

    assert f"{label} Somewhere" in text
    assert f"did not accept {label}: too long" in text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("outage", "Heffl is not answering."),
        ("key_refused", "did not accept the API key"),
        ("key_unverified", "has not been checked yet"),
        ("key_unreadable", "cannot be opened"),
        ("configuration", "address may be wrong"),
        ("restored", "restored from a backup"),
    ],
)
def test_a_waiting_client_says_what_it_waits_for(
    organisation, owner, signed_in, connected, reason, words
):
    row = _client(organisation)
    Hold.objects.create(fingerprint=connected.fingerprint, reason=reason)

    page = signed_in(owner).get(f"{LIST}{row.uuid}/")

    assert words in _text(page)
    assert "This client is saved" in _text(page)


def test_without_a_key_the_page_asks_for_one(organisation, owner, signed_in):
    row = _client(organisation)

    page = signed_in(owner).get(f"{LIST}{row.uuid}/")

    assert "There is no API key yet." in _text(page)


def test_a_client_behind_many_says_when_it_will_be_sent(
    organisation, frontdesk, signed_in, connected
):
    for _ in range(30):
        _client(organisation)
    row = _client(organisation)

    page = signed_in(frontdesk).get(f"{LIST}{row.uuid}/")

    assert "30 clients are waiting before this one." in _text(page)
    assert "in about 30 seconds" in _text(page)


def test_a_refused_client_names_the_field_and_leads_to_the_form(
    organisation, frontdesk, signed_in
):
    row = _client(
        organisation, status="NEEDS_FIX", type="contact", problem_field="email",
        message="Email is already used.",
    )  # fmt: skip

    page = signed_in(frontdesk).get(f"{LIST}{row.uuid}/")

    assert "Heffl did not accept Email: Email is already used." in _text(page)
    assert f'href="{LIST}{row.uuid}/edit/"' in page.content.decode()


def test_the_page_tells_every_answer_and_every_try(organisation, frontdesk, signed_in):
    CustomField.objects.create(
        organisation=organisation, key="cf_size", label="Size <b>", kind="text"
    )
    answers = {
        "name": "Gulf",
        "opening_balance": "250.50",
        "cf_size": "Large",
        "cf_old": "x",
    }
    row = _client(
        organisation, status="UNCERTAIN", answers=answers, created_by=frontdesk.user
    )
    DeliveryAttempt.objects.create(
        submission=row, fence=1, fingerprint="f", started_at=AT, body_sha256="",
        deadline_at=AT + timedelta(seconds=30), finished_at=AT + timedelta(seconds=2),
        verdict="uncertain", phase="reading", http_status=503, reason="http_503",
    )  # fmt: skip

    page = signed_in(frontdesk).get(f"{LIST}{row.uuid}/")

    words = _text(page)
    assert "Opening balance 250.50" in words
    assert "Size <b> Large" in words
    assert "cf_old x" in words
    assert "Heffl did not confirm. HTTP 503 · 2.0 s" in words
    assert frontdesk.user.name in words


def test_a_reviewer_decides_and_the_front_desk_does_not(
    organisation, reviewer, frontdesk, signed_in
):
    row = _client(organisation, status="REVIEW", problem="several_found", candidates=[
        {"id": "h-7", "number": "CLT-7", "name": "Gulf Trading", "created_at": ""},
    ])  # fmt: skip
    address = f"{LIST}{row.uuid}/"

    assert "Link to this one" not in _text(signed_in(frontdesk).get(address))
    refused = signed_in(frontdesk).post(f"{address}drop/", {"reason": "Twice"})
    assert "Link to this one" in _text(signed_in(reviewer).get(address))
    wrong = signed_in(reviewer).post(
        f"{address}link/", {"heffl_id": "h-8"}, follow=True
    )
    signed_in(reviewer).post(
        f"{address}link/", {"heffl_id": "h-7", "revision": row.revision}
    )

    row.refresh_from_db()
    assert refused.status_code == 403
    assert "Choose one of the clients" in _text(wrong)
    assert (row.status, row.number) == ("CREATED", "CLT-7")


def test_dropping_asks_for_a_reason_and_happens_once(organisation, reviewer, signed_in):
    row = _client(organisation, status="REVIEW")
    address, client = f"{LIST}{row.uuid}/drop/", signed_in(reviewer)

    empty = client.post(address, {"reason": " \u200b"}, follow=True)
    done = client.post(
        address, {"reason": "Twice", "revision": row.revision}, follow=True
    )
    again = client.post(
        address, {"reason": "Twice", "revision": row.revision}, follow=True
    )

    assert "Give a reason" in _text(empty)
    assert "Dropped. This client is no longer being sent to Heffl. Twice" in _text(done)
    assert "already decided" in _text(again)
    assert Submission.objects.get(pk=row.pk).closed_reason == "Twice"


def test_sending_again_puts_a_client_back_into_the_queue(
    organisation, reviewer, signed_in, connected
):
    row = _client(organisation, status="REVIEW", problem="gave_up")
    address = reverse("submission-send-again", args=["al-noor", row.uuid])

    answer = signed_in(reviewer).post(address, {"revision": row.revision})

    row.refresh_from_db()
    assert answer.status_code == 302
    assert (row.status, row.look_first) == ("QUEUED", True)


def test_who_may_not_decide_is_told_who_does(organisation, frontdesk, signed_in):
    row = SubmissionFactory(
        organisation=organisation, status="REVIEW", problem="several_found"
    )

    page = signed_in(frontdesk).get(f"/o/al-noor/clients/{row.uuid}/")

    assert "A reviewer decides what happens next." in page.content.decode()
    assert "Choose the right one" not in page.content.decode()
