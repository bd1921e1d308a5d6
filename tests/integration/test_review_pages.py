"""The review queue: what shows in each tab, what each decision does, and only once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from clients_app.delivery import reconcile
from clients_app.intake import duplicates
from clients_app.models import AuditEvent, RateBudget, Status, Submission
from clients_app.models.listing import Cursor
from clients_app.review import decisions, queue
from clients_app.review.queue import Tab
from clients_app.signup import receipt
from tests.factories import OrganisationFactory, SubmissionFactory
from tests.journeys import CONTACT, entered, sent

REVIEW = "/o/al-noor/review/"


def text(answer):
    return answer.content.decode()


def made(organisation, status, **given):
    """Make a client in one status, with its marks, later than those before."""
    at = timezone.now() + timedelta(seconds=Submission.objects.count())
    row = SubmissionFactory(
        organisation=organisation, status=status, created_at=at, **given
    )
    duplicates.remember([row])
    return row


def mark(row):
    return f"{row.uuid}:{row.revision}"


@pytest.fixture
def client(reviewer, signed_in):
    return signed_in(reviewer)


@pytest.mark.parametrize(
    ("tab", "status", "words"),
    [
        ("waiting", Status.PENDING, "faster than people type"),
        ("fix", Status.NEEDS_FIX, "Heffl refused: Phone"),
        ("unclear", Status.REVIEW, "Needs a person"),
        ("unclear", Status.UNCERTAIN, "Checking with Heffl"),
    ],
)
def test_each_tab_shows_what_stands_in_it(organisation, client, tab, status, words):
    row = made(
        organisation, status, type="contact", held_for=["too_fast"],
        problem_field="phone", message="Phone is invalid",
    )  # fmt: skip
    made(organisation, Status.CREATED, heffl_id="c1", display_name="Not here")
    made(OrganisationFactory(), status, display_name="Elsewhere")

    page = text(client.get(REVIEW, {"tab": tab}))

    assert row.display_name in page
    assert words in page
    assert "Not here" not in page
    assert "Elsewhere" not in page


def test_pages_are_walked_from_the_oldest_on(organisation):
    rows = [made(organisation, Status.PENDING) for _ in range(120)]
    for row in rows[:60]:
        Submission.objects.filter(pk=row.pk).update(created_at=rows[0].created_at)
    wanted = [row.pk for row in Submission.objects.order_by("created_at", "pk")]
    seen, page = [], queue.page_of(organisation, Tab.WAITING)
    seen += page.rows
    while page.older:
        page = queue.page_of(organisation, Tab.WAITING, Cursor.decode(page.older))
        seen += page.rows
    back = queue.page_of(organisation, Tab.WAITING, Cursor.decode(page.newer))

    assert [row.pk for row in seen] == wanted
    assert [row.pk for row in back.rows] == wanted[50:100]


def test_unclear_ones_of_both_kinds_stand_in_one_order(organisation):
    rows = [
        made(organisation, [Status.REVIEW, Status.UNCERTAIN][at % 2]) for at in range(7)
    ]

    page = queue.page_of(organisation, Tab.UNCLEAR)

    assert page.rows == rows
    assert queue.next_to(organisation, Tab.UNCLEAR, rows[3], backwards=False) == rows[4]
    assert queue.next_to(organisation, Tab.UNCLEAR, rows[3], backwards=True) == rows[2]


@pytest.mark.parametrize("tab", list(Tab))
def test_the_queue_asks_the_same_few_questions_at_any_length(
    organisation, client, django_assert_max_num_queries, tab, reviewer
):
    statuses = queue.STATUSES.get(tab, (Status.REJECTED,))
    for at in range(55):
        made(
            organisation, statuses[at % len(statuses)], type="contact",
            answers=CONTACT, decided_at=timezone.now(), decided_by=reviewer.user,
        )  # fmt: skip

    with django_assert_max_num_queries(14):
        page = text(client.get(REVIEW, {"tab": tab.value}))

    assert page.count("data-item") == 50
    assert "Looks like" in page or tab is not Tab.WAITING


def test_approving_leads_to_the_next_and_says_so(
    organisation, client, reviewer, sandbox, connected
):
    first, second = (made(organisation, Status.PENDING) for _ in range(2))

    answer = client.post(
        f"{REVIEW}{first.uuid}/?tab=waiting",
        {"action": "approve", "revision": first.revision},
        follow=True,
    )

    assert answer.redirect_chain[-1][0] == f"{REVIEW}{second.uuid}/?tab=waiting"
    assert f"{first.display_name} is approved" in text(answer)
    assert sent(connected, first).status == Status.CREATED
    event = AuditEvent.objects.get(action="submission.approved")
    assert (event.actor_id, event.object_id) == (reviewer.user_id, str(first.uuid))
    assert first.display_name in text(client.get(REVIEW, {"tab": "done"}))


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        ({"message": "البريد الإلكتروني موجود بالفعل"}, "have this client already"),
        ({"message": "This email already exists"}, "have this client already"),
        ({"problem": "conflict"}, "have this client already"),
        ({"message": "The domain does not exist"}, "cannot read Email as it stands"),
        ({"message": "نطاق البريد غير موجود"}, "cannot read Email as it stands"),
    ],
)
def test_a_reviewer_reads_what_a_refusal_means(organisation, client, refusal, told):
    row = made(
        organisation, Status.NEEDS_FIX, type="contact", problem_field="email", **refusal
    )

    page = text(client.get(f"{REVIEW}{row.uuid}/"))

    assert told in page


def test_bulk_counts_what_happened(organisation, client, owner):
    rows = [made(organisation, Status.PENDING) for _ in range(4)]
    marks = [mark(row) for row in rows]
    decisions.reject(rows[3], "Not now", user=owner.user)

    answer = client.post(
        f"{REVIEW}decide/",
        {"tab": "waiting", "action": "approve", "chosen": [*marks, "nonsense"]},
        follow=True,
    )
    again = client.post(
        f"{REVIEW}decide/", {"action": "approve", "chosen": marks}, follow=True
    )
    nothing = client.post(f"{REVIEW}decide/", {"action": "approve"}, follow=True)

    assert "3 approved. 1 had been decided by somebody else." in text(answer)
    assert "0 approved. 4 had been decided by somebody else." in text(again)
    assert "Choose at least one client." in text(nothing)
    assert AuditEvent.objects.filter(action="submission.approved").count() == 3


def test_one_of_the_list_is_approved_by_its_own_button(organisation, client):
    one, other = (made(organisation, Status.PENDING) for _ in range(2))

    client.post(f"{REVIEW}decide/", {"one": mark(one), "chosen": [mark(other)]})

    states = dict(Submission.objects.values_list("pk", "status"))
    assert states == {one.pk: Status.QUEUED, other.pk: Status.PENDING}


def test_the_refused_are_sent_again_in_bulk(organisation, client):
    rows = [made(organisation, Status.NEEDS_FIX) for _ in range(2)]

    answer = client.post(
        f"{REVIEW}decide/",
        {"tab": "fix", "action": "resend", "chosen": [mark(row) for row in rows]},
        follow=True,
    )

    assert "2 sent again." in text(answer)


def test_rejecting_asks_for_the_reason_on_a_page_of_its_own(organisation, client):
    rows = [made(organisation, Status.PENDING) for _ in range(2)]
    chosen = [mark(row) for row in rows]
    page = client.post(
        f"{REVIEW}decide/", {"action": "reject", "chosen": chosen}, follow=True
    )

    empty = client.post(f"{REVIEW}reject/", {"chosen": chosen, "reason": " "})
    long = client.post(f"{REVIEW}reject/", {"chosen": chosen, "reason": "x" * 501})
    done = client.post(
        f"{REVIEW}reject/",
        {"chosen": chosen, "reason": "Outside our area"},
        follow=True,
    )

    assert rows[1].display_name in text(page)
    assert empty.status_code == long.status_code == 422
    assert "x" * 501 in text(long)
    assert "2 rejected." in text(done)
    closed = Submission.objects.values_list("status", "closed_reason").distinct()
    assert list(closed) == [(Status.REJECTED, "Outside our area")]


def test_the_second_of_two_people_is_told(organisation, client, owner):
    row = made(organisation, Status.PENDING)
    address = f"{REVIEW}{row.uuid}/?tab=waiting"
    decisions.approve(row, user=owner.user)

    answer = client.post(
        address, {"action": "approve", "revision": row.revision}, follow=True
    )

    assert "already decided" in text(answer)
    assert AuditEvent.objects.filter(action="submission.approved").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("other", ["approve", "reject"])
def test_of_two_at_the_same_time_one_decides(organisation, owner, reviewer, other):
    outcomes = []
    for _ in range(4):
        row = made(organisation, Status.PENDING)
        gate = threading.Barrier(2)

        def decide(act, row=row, gate=gate):
            fresh = Submission.objects.select_related("organisation").get(pk=row.pk)
            gate.wait(10)
            try:
                act(fresh)
                outcomes.append("done")
            except decisions.AlreadyDecided:
                outcomes.append("told")
            finally:
                connections.close_all()

        acts = {
            "approve": lambda one: decisions.approve(one, user=owner.user),
            "reject": lambda one: decisions.reject(one, "No", user=owner.user),
        }
        people = [
            threading.Thread(target=decide, args=[act])
            for act in (
                lambda one: decisions.approve(one, user=reviewer.user),
                acts[other],
            )
        ]
        for person in people:
            person.start()
        for person in people:
            person.join(30)

    assert sorted(outcomes) == ["done"] * 4 + ["told"] * 4
    assert AuditEvent.objects.filter(action__startswith="submission.").count() == 4


def test_a_correction_from_the_queue_keeps_the_original_and_goes_on(
    organisation, client
):
    row = made(
        organisation, Status.NEEDS_FIX, answers={"name": "Old Name"},
        display_name="Old Name", problem_field="name", message="Name is too long",
    )  # fmt: skip
    following = made(organisation, Status.NEEDS_FIX)
    page = text(client.get(f"{REVIEW}{row.uuid}/"))

    answer = client.post(
        f"/o/al-noor/clients/{row.uuid}/edit/?review",
        {"type": "company", "name": "New", "revision": row.revision},
        follow=True,
    )
    after = text(client.get(f"{REVIEW}{row.uuid}/"))

    assert "Heffl takes only a shorter text for Company name." in page
    assert 'aria-invalid="true"' in page
    assert answer.redirect_chain[-1][0].startswith(f"{REVIEW}{following.uuid}/")
    assert "Old Name is corrected and sent again." in text(answer)
    assert "As it first came in" in after
    assert "Old Name" in after
    event = AuditEvent.objects.get(action="submission.corrected")
    assert event.detail == {"fields": ["name"]}


def test_a_double_is_closed_as_the_client_that_exists(organisation, client):
    original = made(
        organisation, Status.CREATED, heffl_id="clt_1", number="CLT-1",
        type="contact", answers={**CONTACT, "phone": "+971501234567"},
    )  # fmt: skip
    row = made(organisation, Status.PENDING, type="contact", answers=CONTACT)
    shown = text(client.get(REVIEW))
    page = text(client.get(f"{REVIEW}{row.uuid}/"))

    client.post(
        f"{REVIEW}{row.uuid}/",
        {"action": "original", "original": original.uuid, "revision": row.revision},
    )

    row.refresh_from_db()
    assert "Looks like CLT-1" in " ".join(shown.replace("<bdi>", "").split())
    assert "It is this client" in page
    assert (row.status, row.duplicate_of) == (Status.DROPPED, original)
    assert "Already a client" in text(client.get(REVIEW, {"tab": "done"}))
    assert receipt.stage_of(row) is receipt.Stage.CLIENT


def test_nothing_else_can_be_the_original(organisation, client):
    row = made(organisation, Status.PENDING)
    foreign = made(OrganisationFactory(), Status.CREATED, heffl_id="x")
    queued = made(organisation, Status.QUEUED)

    for original in (foreign.uuid, queued.uuid, row.uuid, "nonsense", ""):
        answer = client.post(
            f"{REVIEW}{row.uuid}/",
            {"action": "original", "original": original, "revision": row.revision},
            follow=True,
        )
        assert "Choose one of the clients" in text(answer)

    row.refresh_from_db()
    assert row.status == Status.PENDING


def test_heffl_is_searched_and_the_client_found_is_linked(
    organisation, client, sandbox, connected
):
    workspace = sandbox.control.workspaces()[0]["name"]
    sandbox.control.add_client(
        workspace, {"type": "contact", "firstName": "Sara", "email": CONTACT["email"]}
    )
    row = made(organisation, Status.PENDING, type="contact", answers=CONTACT)
    address = f"{REVIEW}{row.uuid}/"

    found = client.post(
        address, {"action": "search", "revision": row.revision}, follow=True
    )
    row.refresh_from_db()
    heffl_id = row.candidates[0]["id"]
    client.post(
        address, {"action": "link", "heffl_id": heffl_id, "revision": row.revision}
    )

    row.refresh_from_db()
    assert "1 client found in Heffl." in text(found)
    assert "In Heffl" in text(found)
    assert (row.status, row.heffl_id) == (Status.CREATED, heffl_id)
    assert len(sandbox.control.clients()) == 1


def test_a_client_of_heffl_that_the_history_has_makes_a_double(organisation, owner):
    original = made(organisation, Status.CREATED, heffl_id="clt_9", number="CLT-9")
    row = made(organisation, Status.REVIEW, candidates=[{"id": "clt_9"}])

    decisions.link(row, "clt_9", user=owner.user)

    row.refresh_from_db()
    assert (row.status, row.duplicate_of) == (Status.DROPPED, original)


def test_a_search_waits_for_the_budget_and_needs_a_key(
    organisation, client, sandbox, connected
):
    row = made(organisation, Status.PENDING)
    RateBudget.objects.update_or_create(
        fingerprint=connected.fingerprint,
        defaults={"paused_until": timezone.now() + timedelta(minutes=1)},
    )

    paused = client.post(
        f"{REVIEW}{row.uuid}/", {"action": "search", "revision": 1}, follow=True
    )
    connected.delete()
    keyless = client.post(
        f"{REVIEW}{row.uuid}/", {"action": "search", "revision": 1}, follow=True
    )

    assert "cannot be searched right now" in text(paused)
    assert "There is no API key yet." in text(keyless)
    assert RateBudget.objects.get().recent == []
    with pytest.raises(reconcile.NotNow):
        decisions.search_heffl(row)


def test_what_a_search_finds_is_not_kept_for_answers_that_changed_meanwhile(
    organisation, sandbox, connected, monkeypatch
):
    row = made(organisation, Status.PENDING)
    search = reconcile.search_now

    def and_somebody_corrects(*args):
        Submission.objects.filter(pk=row.pk).update(revision=row.revision + 1)
        return search(*args)

    monkeypatch.setattr(reconcile, "search_now", and_somebody_corrects)

    with pytest.raises(decisions.AlreadyDecided):
        decisions.search_heffl(row)


def test_sending_again_looks_in_heffl_first(organisation, owner):
    row = made(organisation, Status.REVIEW)

    decisions.send_again(row, user=owner.user)

    row.refresh_from_db()
    assert (row.status, row.look_first) == (Status.QUEUED, True)


def test_dropping_needs_a_reason_and_keeps_what_was_typed(organisation, client):
    row = made(organisation, Status.REVIEW)
    address = f"{REVIEW}{row.uuid}/"

    empty = client.post(address, {"action": "drop", "revision": row.revision})
    client.post(
        address, {"action": "drop", "reason": "Twice", "revision": row.revision}
    )

    row.refresh_from_db()
    assert empty.status_code == 422
    assert 'href="#id_reason"' in text(empty)
    assert (row.status, row.closed_reason) == (Status.DROPPED, "Twice")


@pytest.mark.parametrize(
    "query",
    [
        {"tab": "nowhere", "cursor": "x"},
        {"tab": "fix", "cursor": "WyJuYW1lX2tleSIsIngiLDEsMF0"},
        {"cursor": "WyJjcmVhdGVkX2F0IiwwLDEsMV0"},
    ],
)
def test_an_odd_address_is_the_first_page(organisation, client, query):
    made(organisation, Status.PENDING)

    assert client.get(REVIEW, query).status_code == 200


def test_odd_requests_break_nothing(organisation, client):
    row = made(organisation, Status.PENDING)
    address = f"{REVIEW}{row.uuid}/"
    odd = ["\x00", "\ud800".encode("utf-8", "surrogatepass"), "x" * 5000]

    for value in odd:
        for action in ("search", "drop", "link", "original", "approve-it"):
            data = {"action": action, "q": value, "reason": value, "heffl_id": value,
                    "original": value, "revision": value}  # fmt: skip
            assert client.post(address, data).status_code in {303, 422}
        assert client.post(f"{REVIEW}decide/", {"chosen": value}).status_code == 303

    row.refresh_from_db()
    assert row.status == Status.PENDING


def test_the_bar_counts_for_who_may_decide(organisation, client, frontdesk, signed_in):
    for status in (Status.PENDING, Status.NEEDS_FIX, Status.UNCERTAIN):
        made(organisation, status)

    assert 'class="tag count">2<' in text(client.get("/o/al-noor/clients/"))
    assert "/review/" not in text(signed_in(frontdesk).get("/o/al-noor/clients/"))


def test_the_queue_reads_its_own_small_index(organisation):
    rows = organisation.submissions.filter(status=Status.PENDING)
    condition = f'"{Submission._meta.db_table}"."status" IN ({queue._OPEN})'
    plan = rows.extra(where=[condition]).order_by("created_at", "id")[:51].explain()

    if connection.vendor == "sqlite":
        assert "submission_review" in plan


def test_the_overview_tells_what_happened(organisation, client):
    now = timezone.now()
    for at in range(3):
        made(
            organisation, Status.CREATED, heffl_id=f"c{at}", source="signup",
            delivered_at=now + timedelta(seconds=at + 2),
        )  # fmt: skip
    Submission.objects.update(created_at=now)
    made(organisation, Status.NEEDS_FIX, problem_field="phone")
    made(organisation, Status.NEEDS_FIX, problem="firewall")
    Submission.objects.update(created_at=now)
    made(OrganisationFactory(), Status.CREATED, heffl_id="far")

    page = " ".join(text(client.get("/o/al-noor/overview/")).split())

    assert "The last 30 days, 5 in all. The tallest day has 5." in page
    assert "within 3 seconds, 95 of 100 within 4 seconds" in page
    assert "<bdi>Phone</bdi></dt><dd>1</dd>" in page
    assert "Turned away by a firewall" in page
    assert 'class="signup"' in page
    assert "style=" not in page


def test_the_overview_of_nothing_is_a_page(
    organisation, client, django_assert_max_num_queries
):
    with django_assert_max_num_queries(14):
        page = text(client.get("/o/al-noor/overview/"))

    assert "No client has a number yet." in page


def test_an_entry_of_another_organisation_is_not_touched_in_bulk(client):
    foreign = made(OrganisationFactory(), Status.PENDING)

    client.post(f"{REVIEW}decide/", {"action": "approve", "chosen": mark(foreign)})
    client.post(f"{REVIEW}reject/", {"chosen": mark(foreign), "reason": "No"})

    foreign.refresh_from_db()
    assert foreign.status == Status.PENDING


def test_a_corrected_entry_stays_its_own(organisation, client):
    row = entered(organisation)

    assert client.get(f"{REVIEW}{row.uuid}/").status_code == 200
