"""Three people for every question: the owner, members of lower roles, and an outsider.

`sandbox` is a real stand-in for Heffl on loopback; `connected` gives the organisation a key.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import translation

from clients_app.models import ApiCredential, Membership, Role, User, audit_guard
from heffl_sandbox import server
from heffl_sandbox.control import Control
from tests.factories import MembershipFactory, OrganisationFactory
from tests.journeys import fully_signed_in

KEY = "heffl_user_test_0123456789abcdef"
ARGON2 = "django.contrib.auth.hashers.Argon2PasswordHasher"
# A busy machine makes any example slow: what is about time says so itself.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup", "live_server"}


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches no database as `once`."""
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        if not used & DATABASE_FIXTURES and not item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.once)


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    """Keep SQLite's test database in a file: worker processes open it, too."""
    found = settings.DATABASES["default"]
    if found["ENGINE"].endswith("sqlite3"):
        folder = tempfile.mkdtemp(
            prefix="portal-db-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None
        )
        connections["default"].settings_dict["TEST"]["NAME"] = f"{folder}/test.sqlite3"


@pytest.fixture(scope="session", autouse=True)
def _audit_may_be_flushed():
    """Let Django empty the tables between tests: the audit's guards refuse it."""
    # Of the class: with Playwright's loop about, Django opens connections of its own.
    operations: Any = type(connections["default"].ops)
    original = operations.sql_flush
    vendor = connections["default"].vendor

    def sql_flush(*args, **kwargs):
        flush = original(*args, **kwargs)
        drops, makes = audit_guard.guard_statements(vendor)
        return [*drops, *flush, *makes] if flush else []

    operations.sql_flush = sql_flush
    yield
    operations.sql_flush = original


@pytest.fixture(autouse=True)
def _plain_static(settings):  # noqa: F811
    """Pages in tests need no collectstatic run; passwords are hashed cheaply."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        },
    }
    settings.PASSWORD_HASHERS = [
        each.replace(ARGON2, "tests.hashing.CheapArgon2")
        for each in settings.PASSWORD_HASHERS
    ]
    # Else WhiteNoise reads all that was collected anew for every test client.
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def organisation(db):
    return OrganisationFactory(name="Al Noor Trading", slug="al-noor")


def _member(organisation, role: Role, email: str):
    return MembershipFactory(organisation=organisation, role=role, user__email=email)


@pytest.fixture
def owner(organisation):
    return _member(organisation, Role.OWNER, "owner@al-noor.test")


@pytest.fixture
def admin_member(organisation):
    return _member(organisation, Role.ADMIN, "admin@al-noor.test")


@pytest.fixture
def reviewer(organisation):
    return _member(organisation, Role.REVIEWER, "reviewer@al-noor.test")


@pytest.fixture
def frontdesk(organisation):
    return _member(organisation, Role.FRONTDESK, "desk@al-noor.test")


@pytest.fixture
def outsider(db):
    """The owner of another organisation."""
    other = OrganisationFactory(name="Elsewhere", slug="elsewhere")
    return _member(other, Role.OWNER, "owner@elsewhere.test")


@pytest.fixture
def signed_in() -> Callable[[Membership | User], Client]:
    """Return a function: person or membership → a browser-like client, signed in."""

    def sign_in(person: Membership | User) -> Client:
        user = person.user if isinstance(person, Membership) else person
        return fully_signed_in(user)

    return sign_in


@pytest.fixture(autouse=True)
def _english():
    """A page in Arabic leaves its language behind in the thread: start each test anew."""
    with translation.override("en"):
        yield


@dataclasses.dataclass
class Sandbox:
    """A running stand-in: its addresses, its workspace's key, and its controls."""

    base_url: str
    key: str
    control: Control


@pytest.fixture
def sandbox(settings) -> Iterator[Sandbox]:
    running = server.start(keys=[KEY], rate=None)
    settings.HEFFL_API_URL = running.base_url
    try:
        yield Sandbox(running.base_url, KEY, Control(running.control_url))
    finally:
        running.stop()


@pytest.fixture
def connected(organisation, sandbox) -> ApiCredential:
    """Give the organisation the stand-in's key, verified."""
    from django.utils import timezone

    from clients_app.credentials import seal_new
    from clients_app.crypto import Secret

    return seal_new(organisation, Secret(sandbox.key), verified_at=timezone.now())
