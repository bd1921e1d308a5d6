"""Every address × every method × everybody: nothing foreign is shown, nothing changes.

The addresses come from the URLconf. One that the manifest below does not list fails:
whoever adds a page writes one line here that says who may open it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from clients_app import audit, credentials
from clients_app.crypto import Secret
from clients_app.imports import drafts
from clients_app.models import Invitation, Role, Status
from tests.factories import (
    CustomFieldFactory,
    MembershipFactory,
    OrganisationFactory,
    SubmissionFactory,
    UserFactory,
)
from tests.journeys import fully_signed_in
from tests.routes import OF_A_PERSON, OF_AN_ORGANISATION, OPEN, PUBLIC

# Who may see what does not depend on the database; every page is tried with everybody.
pytestmark = [pytest.mark.once, pytest.mark.slow]

CANARY = "Zyqqvarn"
ORDER = [Role.FRONTDESK, Role.REVIEWER, Role.ADMIN, Role.OWNER]

# Pages that other apps bring: sign-in, and the site operator's admin.
BROUGHT = ("accounts/", "admin/")


def views(patterns=None, before=""):
    """Yield every address of the URLconf with its view."""
    for pattern in patterns or get_resolver().url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


def routes():
    return [route for route, _view in views()]


def test_every_address_is_in_the_manifest():
    own = {
        route
        for route in routes()
        if route in OF_A_PERSON or not route.startswith(BROUGHT)
    }
    listed = OPEN | PUBLIC | OF_A_PERSON | set(OF_AN_ORGANISATION)

    assert not own - listed, (
        f"New: {sorted(own - listed)}. Add a line to OF_AN_ORGANISATION in routes.py with the "
        "least role that may open it, or to OF_A_PERSON, PUBLIC or OPEN."
    )
    assert not listed - own, f"Gone: take out {sorted(listed - own)}."


# What stands for each converter in an address: a thing of the scene's organisation.
PARTS: dict[str, Any] = {
    "slug": lambda scene: scene.organisation.slug,
    "uuid": lambda scene: scene.submission.uuid,
    "pk": lambda scene: scene.field.pk,
    "import_id": lambda scene: scene.file_import.uuid,
    "person": lambda scene: scene.member.pk,
    "token": lambda scene: "no-such-token",
    "receipt": lambda scene: scene.submission.receipt or "ab" * 16,
    "digest": lambda scene: "ab" * 8,
}
# Tables that a look at a page may touch: counts of tries, what is noted about it, and the
# asker's own row (when they last signed in, what they prefer).
MAY_MOVE = {"beat", "look", "auditevent", "signupbucket", "user"}


@dataclass
class Scene:
    """An organisation with a canary in everything that others must not see."""

    organisation: Any
    submission: Any
    field: Any
    member: Any
    file_import: Any

    def path(self, route: str, slug: str = "") -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            assert name in PARTS, f"Say in PARTS what stands for <{name}> in {route}."
            return slug if slug and name == "slug" else str(PARTS[name](self))

        return "/" + re.sub(r"<\w+:(\w+)>", value, route)

    def rows(self) -> dict[str, list[Any]]:
        """Return every row of the app's tables, to compare before and after."""
        tables = apps.get_app_config("clients_app").get_models()
        return {
            table.__name__: list(table._default_manager.order_by("pk").values())
            for table in tables
            if table._meta.model_name not in MAY_MOVE
        }


@pytest.fixture
def scene(db):
    cache.clear()
    organisation = OrganisationFactory(name=f"{CANARY} Trading", slug="hidden-house")
    credentials.seal_new(
        organisation, Secret(f"heffl_user_{CANARY}"), verified_at=timezone.now()
    )
    field = CustomFieldFactory(organisation=organisation, label=f"{CANARY} size")
    submission = SubmissionFactory(
        organisation=organisation,
        display_name=f"{CANARY} Company",
        status=Status.NEEDS_FIX,
        message=f"{CANARY} is wrong",
    )
    SubmissionFactory(
        organisation=organisation,
        display_name=f"{CANARY} Contact",
        type="contact",
        answers={"first_name": CANARY},
        status=Status.CREATED,
        heffl_id="clt_1",
        number=f"{CANARY}-1",
    )
    draft = drafts.upload(
        organisation, f"{CANARY}.csv", f"name\n{CANARY} Imported\n".encode(), user=None
    )
    member = MembershipFactory(organisation=organisation, user__name=f"{CANARY} Ann")
    Invitation.objects.create(
        organisation=organisation,
        email=f"{CANARY.lower()}@example.test",
        role=Role.FRONTDESK,
        language="en",
        token_hash="0" * 64,
        expires_at=timezone.now() + timedelta(days=1),
    )
    audit.record("export", organisation=organisation, detail={"note": CANARY})
    return Scene(organisation, submission, field, member, draft)


def browser(user):
    return fully_signed_in(user) if user else Client()


def body(answer):
    return answer.getvalue() if answer.streaming else answer.content


METHODS = ("get", "head", "options", "post", "put", "patch", "delete")
# Names under which a page might take the id of a thing, in its body or after the "?".
ID_NAMES = [
    "id",
    "ids",
    "pk",
    "uuid",
    "uuids",
    "submission",
    "submissions",
    "selected",
    "item",
    "items",
    "client",
    "clients",
    "field",
    "member",
    "user",
    "target",
    "invitation",
    "import",
    "link",
    "other",
    "candidate",
]


def ask(client, path, data=None):
    """Ask with every method; return the status of each. No answer may hold the canary."""
    data = data or {"action": "remove", "slot": "current", "next": path}
    statuses = {}
    for method in METHODS:
        answer = getattr(client, method)(path, data)
        assert CANARY.encode() not in body(answer), f"{method} {path} shows it"
        assert CANARY not in str(answer.headers), f"{method} {path} names it"
        statuses[method] = answer.status_code
    return statuses


def an_outsider(role):
    """Return a maker: somebody of another organisation, with this role there."""
    return lambda scene: MembershipFactory(role=role).user


def outsider(scene):
    return an_outsider(Role.OWNER)(scene)


def suspended(scene):
    return MembershipFactory(
        organisation=scene.organisation, role=Role.OWNER, suspended_at=timezone.now()
    ).user


def operator(scene):
    return UserFactory(is_staff=True, is_superuser=True)


STRANGERS: dict[str, Any] = {
    "front desk elsewhere": an_outsider(Role.FRONTDESK),
    "admin elsewhere": an_outsider(Role.ADMIN),
    "owner elsewhere": outsider,
    "suspended owner": suspended,
    "site operator": operator,
}


def stranger(scene, who):
    """Return the browser of somebody who does not belong to the scene's organisation."""
    if who != "removed owner":
        return browser(STRANGERS[who](scene))
    member = MembershipFactory(organisation=scene.organisation, role=Role.OWNER)
    client = browser(member.user)  # signed in before
    member.delete()
    return client


@pytest.mark.parametrize("route", OF_AN_ORGANISATION)
@pytest.mark.parametrize("who", [*STRANGERS, "removed owner"])
def test_a_stranger_finds_no_such_page(scene, route, who):
    client = stranger(scene, who)
    before = scene.rows()

    statuses = ask(client, scene.path(route))

    assert 404 in statuses.values()
    assert set(statuses.values()) <= {404, 405}, statuses
    assert scene.rows() == before


def test_a_page_that_exists_and_one_that_does_not_look_the_same(scene):
    client = browser(outsider(scene))

    there = client.get("/o/hidden-house/clients/")
    nowhere = client.get("/o/no-such-house/clients/")

    assert there.status_code == nowhere.status_code == 404
    assert there.content == nowhere.content


@pytest.mark.parametrize("route", OF_AN_ORGANISATION)
def test_a_visitor_is_sent_to_sign_in(scene, route):
    before = scene.rows()

    statuses = ask(browser(None), scene.path(route))

    assert 302 in statuses.values()
    assert set(statuses.values()) <= {302, 405}, statuses
    answer = browser(None).get(scene.path(route))
    assert answer.status_code == 405 or answer.url.startswith("/accounts/login/")
    assert scene.rows() == before


@pytest.mark.parametrize(
    "route", [route for route in OF_AN_ORGANISATION if route.count("<") > 1]
)
def test_a_stranger_does_not_reach_a_thing_through_their_own_organisation(scene, route):
    user = outsider(scene)
    own = user.memberships.get().organisation.slug
    before = scene.rows()

    statuses = ask(browser(user), scene.path(route, own))

    assert 404 in statuses.values()
    assert set(statuses.values()) <= {404, 405}, statuses
    assert scene.rows() == before


@pytest.mark.parametrize(
    "route", [route for route in OF_AN_ORGANISATION if route.count("<") == 1]
)
@pytest.mark.parametrize("thing", ["uuid", "pk"])
def test_a_stranger_does_not_reach_a_thing_by_a_parameter(scene, route, thing):
    user = outsider(scene)
    own = user.memberships.get().organisation.slug
    foreign = str(PARTS[thing](scene))
    names = dict.fromkeys(ID_NAMES, foreign)
    before = scene.rows()

    client = browser(user)
    data = {**names, "action": "remove"}
    path = scene.path(route, own)
    statuses = ask(client, path, data)
    also = client.post(f"{path}?{urlencode(data)}", data)

    assert max(*statuses.values(), also.status_code) < 500, statuses
    assert CANARY.encode() not in body(also)
    assert scene.rows() == before


@pytest.mark.parametrize(
    ("route", "role"),
    [
        (route, role)
        for route, least in OF_AN_ORGANISATION.items()
        for role in ORDER[: ORDER.index(least)]
    ],
)
def test_a_lower_role_is_refused(scene, route, role):
    member = MembershipFactory(organisation=scene.organisation, role=role)
    client = browser(member.user)
    before = scene.rows()

    statuses = {
        method: getattr(client, method)(scene.path(route)).status_code
        for method in METHODS
    }

    assert 403 in statuses.values()
    assert set(statuses.values()) <= {403, 405}, statuses
    assert scene.rows() == before


@pytest.mark.parametrize(
    ("route", "role"),
    [
        (route, role)
        for route, least in OF_AN_ORGANISATION.items()
        for role in ORDER[ORDER.index(least) :]
    ],
)
def test_the_least_role_and_those_above_are_let_in(scene, route, role):
    member = MembershipFactory(organisation=scene.organisation, role=role)
    client = browser(member.user)

    shown = client.get(scene.path(route))
    sent = client.post(scene.path(route), {"action": "no such action"})

    assert shown.status_code in {200, 302, 405}
    assert sent.status_code != 403
    assert sent.status_code < 500


@pytest.mark.parametrize("route", sorted(OF_A_PERSON))
def test_a_page_of_a_person_shows_nothing_of_other_organisations(scene, route):
    user = outsider(scene)
    before = scene.rows()

    statuses = ask(browser(user), scene.path(route))

    assert set(statuses.values()) <= {200, 302, 405}, statuses
    assert scene.rows() == before


@pytest.mark.parametrize("route", sorted(OPEN))
def test_an_open_page_shows_nothing_of_any_organisation(scene, route):
    before = scene.rows()

    statuses = ask(browser(None), scene.path(route))

    assert set(statuses.values()) <= {200, 400, 405, 503}, statuses
    assert scene.rows() == before


@pytest.mark.parametrize("who", ["visitor", "stranger"])
@pytest.mark.parametrize("route", sorted(PUBLIC))
def test_a_closed_public_page_shows_nothing_of_its_organisation(scene, route, who):
    client = browser(outsider(scene) if who == "stranger" else None)
    before = scene.rows()

    statuses = ask(client, scene.path(route))

    assert set(statuses.values()) <= {404, 405}, statuses
    assert scene.rows() == before


def test_every_view_asks_for_the_role_that_is_listed():
    found = {
        route: Role(least)
        for route, view in views()
        if (least := getattr(view, "least_role", None))
    }

    assert found == OF_AN_ORGANISATION


SAMPLES = {"(?P<key>[-:\\w]+)": "key", "(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)": "1-key"}


def brought_paths():
    found = []
    for route in routes():
        if not route.startswith(BROUGHT) or route in OF_A_PERSON:
            continue
        for pattern, sample in SAMPLES.items():
            route = route.replace(pattern, sample)
        route = re.sub(r"\(\?P<app_label>[^)]*\)", "clients_app", route)
        route = re.sub(r"<\w+:\w+>", "1", route).replace("(?P<url>.*)", "x")
        found.append("/" + re.sub(r"[\^$]", "", route))
    return found


@pytest.mark.parametrize("who", ["visitor", "stranger"])
@pytest.mark.parametrize("path", brought_paths())
def test_a_brought_page_shows_nothing_and_breaks_nowhere(scene, path, who):
    user = outsider(scene) if who == "stranger" else None
    before = scene.rows()

    statuses = ask(browser(user), path)

    assert max(statuses.values()) < 500, statuses
    if path.startswith("/admin/"):
        assert 200 not in statuses.values()
    assert scene.rows() == before


@pytest.mark.parametrize(
    "path", [path for path in brought_paths() if path.startswith("/admin/clients_app/")]
)
def test_the_admin_shows_no_answers_and_changes_nothing(scene, path):
    client = browser(operator(scene))
    before = scene.rows()
    row_id = {"organisation": scene.organisation, "submission": scene.submission}
    model = path.split("/")[3]
    path = path.replace("/1/", f"/{row_id[model].pk if model in row_id else 1}/")

    shown = client.get(path, follow=True)
    changed = client.post(path, {"status": "CREATED", "post": "yes"})

    page = shown.content.decode()
    assert shown.status_code in {200, 403}
    assert f"{CANARY} Co" not in page
    assert f"{CANARY} is wrong" not in page
    assert "v1.test." not in page
    assert changed.status_code in {200, 302, 403}
    assert scene.rows() == before


def test_the_admin_lists_no_keys_and_no_sign_ins(scene):
    page = browser(operator(scene)).get("/admin/").content.decode()

    assert set(re.findall(r'href="/admin/clients_app/(\w+)/"', page)) == {
        "organisation",
        "submission",
        "deliveryattempt",
        "auditevent",
    }
    assert "/admin/account" not in page
    assert "/admin/mfa" not in page


def test_the_admins_sign_in_is_the_portals_own(db, client):
    answer = client.get("/admin/", follow=True)

    assert answer.request["PATH_INFO"] == "/accounts/login/"
