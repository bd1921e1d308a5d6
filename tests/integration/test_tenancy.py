"""Every address × every kind of stranger: nothing foreign is shown, nothing changes.

An address that the manifest does not list fails: whoever adds a page says who may see it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from clients_app import credentials
from clients_app.crypto import Secret
from clients_app.models import (
    ApiCredential,
    CustomField,
    Membership,
    Organisation,
    Role,
    Status,
    Submission,
)
from tests.factories import (
    CustomFieldFactory,
    MembershipFactory,
    OrganisationFactory,
    SubmissionFactory,
    UserFactory,
)

CANARY = "Zyqqvarn"
ORDER = [Role.FRONTDESK, Role.REVIEWER, Role.ADMIN, Role.OWNER]

# Pages of an organisation, and the least role that may open each.
OF_AN_ORGANISATION = {
    "o/<slug:slug>/clients/": Role.FRONTDESK,
    "o/<slug:slug>/clients/export.csv": Role.FRONTDESK,
    "o/<slug:slug>/clients/new/": Role.FRONTDESK,
    "o/<slug:slug>/clients/<uuid:uuid>/": Role.FRONTDESK,
    "o/<slug:slug>/clients/<uuid:uuid>/drop/": Role.REVIEWER,
    "o/<slug:slug>/clients/<uuid:uuid>/edit/": Role.FRONTDESK,
    "o/<slug:slug>/clients/<uuid:uuid>/link/": Role.REVIEWER,
    "o/<slug:slug>/clients/<uuid:uuid>/send-again/": Role.REVIEWER,
    "o/<slug:slug>/clients/<uuid:uuid>/status/": Role.FRONTDESK,
    "o/<slug:slug>/settings/": Role.ADMIN,
    "o/<slug:slug>/settings/fields/": Role.ADMIN,
    "o/<slug:slug>/settings/fields/new/": Role.ADMIN,
    "o/<slug:slug>/settings/fields/<int:pk>/": Role.ADMIN,
    "o/<slug:slug>/settings/fields/<int:pk>/change/": Role.ADMIN,
    "o/<slug:slug>/settings/heffl/": Role.OWNER,
}
# Pages of a person: each shows only what belongs to who asks.
OF_A_PERSON = {
    "",
    "accounts/language/",
    "accounts/preferences/",
    "accounts/shortcuts/",
    "accounts/stay/",
}
OPEN = {"healthz", "readyz"}
# Pages for strangers: tests/integration/test_signup_page.py says what they tell.
PUBLIC = {
    "s/<slug:slug>/",
    "s/<slug:slug>/embed/",
    "s/<slug:slug>/embed/r/<slug:receipt>/",
    "s/<slug:slug>/r/<slug:receipt>/",
    "s/<slug:slug>/r/<slug:receipt>/correct/",
}
# Pages that other apps bring: sign-in, and the site operator's admin.
BROUGHT = ("accounts/", "admin/")


def routes(patterns=None, before=""):
    for pattern in patterns or get_resolver().url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def test_every_address_is_in_the_manifest():
    own = {
        route
        for route in routes()
        if route in OF_A_PERSON or not route.startswith(BROUGHT)
    }

    assert own == OPEN | PUBLIC | OF_A_PERSON | set(OF_AN_ORGANISATION)


@dataclass
class Scene:
    """An organisation with a canary in everything that others must not see."""

    organisation: Any
    submission: Any
    field: Any

    def path(self, route: str, slug: str = "") -> str:
        values = {
            "slug": slug or self.organisation.slug,
            "uuid": self.submission.uuid,
            "pk": self.field.pk,
            "receipt": self.submission.receipt or "ab" * 16,
        }
        return "/" + re.sub(r"<\w+:(\w+)>", lambda match: str(values[match[1]]), route)

    def rows(self) -> list[object]:
        tables = (Organisation, Submission, CustomField, ApiCredential, Membership)
        return [list(table.objects.order_by("pk").values()) for table in tables]


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
    return Scene(organisation, submission, field)


def browser(user):
    client = Client()
    if user:
        client.force_login(
            user, backend="allauth.account.auth_backends.AuthenticationBackend"
        )
    return client


def body(answer):
    return answer.getvalue() if answer.streaming else answer.content


def ask(client, path):
    """Ask with every method; return the statuses. Nothing foreign may be in an answer."""
    statuses = set()
    for method in ("get", "head", "post", "put", "delete"):
        data = {"action": "remove", "slot": "current", "next": path}
        answer = getattr(client, method)(path, data)
        assert CANARY.encode() not in body(answer)
        assert CANARY not in str(answer.headers)
        statuses.add(answer.status_code)
    return statuses


def outsider(scene):
    return MembershipFactory(role=Role.OWNER).user


def suspended(scene):
    return MembershipFactory(
        organisation=scene.organisation,
        role=Role.OWNER,
        suspended_at=timezone.now(),
    ).user


def removed(scene):
    member = MembershipFactory(organisation=scene.organisation, role=Role.OWNER)
    member.delete()
    return member.user


def operator(scene):
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.mark.parametrize("stranger", [outsider, suspended, removed, operator])
@pytest.mark.parametrize("route", OF_AN_ORGANISATION)
def test_a_stranger_finds_no_such_page(scene, route, stranger):
    client = browser(stranger(scene))
    before = scene.rows()

    statuses = ask(client, scene.path(route))

    assert 404 in statuses
    assert statuses <= {404, 405}
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

    assert 302 in statuses
    assert statuses <= {302, 405}
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

    assert 404 in statuses
    assert statuses <= {404, 405}
    assert scene.rows() == before


@pytest.mark.parametrize(
    ("route", "role"),
    [
        (route, ORDER[ORDER.index(least) - 1])
        for route, least in OF_AN_ORGANISATION.items()
        if least != Role.FRONTDESK
    ],
)
def test_a_lower_role_is_refused(scene, route, role):
    member = MembershipFactory(organisation=scene.organisation, role=role)
    before = scene.rows()

    client = browser(member.user)
    statuses = {
        getattr(client, method)(scene.path(route)).status_code
        for method in ("get", "post")
    }

    assert 403 in statuses
    assert statuses <= {403, 405}
    assert scene.rows() == before


@pytest.mark.parametrize(("route", "role"), OF_AN_ORGANISATION.items())
def test_the_least_role_is_let_in(scene, route, role):
    member = MembershipFactory(organisation=scene.organisation, role=role)
    member.user.set_unusable_password()
    member.user.save()

    answer = browser(member.user).get(scene.path(route))

    assert answer.status_code in {200, 302, 405}


@pytest.mark.parametrize("route", sorted(OF_A_PERSON))
def test_a_page_of_a_person_shows_nothing_of_other_organisations(scene, route):
    user = outsider(scene)
    before = scene.rows()

    statuses = ask(browser(user), scene.path(route))

    assert statuses <= {200, 302, 405}
    assert scene.rows() == before


@pytest.mark.parametrize("route", sorted(OPEN))
def test_an_open_page_shows_nothing_of_any_organisation(scene, route):
    assert ask(browser(None), scene.path(route)) <= {200, 405, 503}


@pytest.mark.parametrize("who", ["visitor", "stranger"])
@pytest.mark.parametrize("route", sorted(PUBLIC))
def test_a_closed_public_page_shows_nothing_of_its_organisation(scene, route, who):
    client = browser(outsider(scene) if who == "stranger" else None)
    before = scene.rows()

    assert ask(client, scene.path(route)) <= {404, 405}
    assert scene.rows() == before


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

    assert max(statuses) < 500
    if path.startswith("/admin/"):
        assert 200 not in statuses
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
