"""The steps that many tests take: somebody signs in; a client is entered, sent, lost, looked up."""

from __future__ import annotations

import time

from allauth.account.internal.flows.login import (
    AUTHENTICATION_METHODS_SESSION_KEY,
    record_authentication,
)
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.utils import timezone

from clients_app.accounts import proof
from clients_app.delivery import reconcile, relay
from clients_app.intake.submissions import submit
from clients_app.models import (
    Source,
    Status,
    Submission,
)

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
LOGIN = "/accounts/login/"
AUTHENTICATE = "/accounts/2fa/authenticate/"
SEED = "JBSWY3DPEHPK3PXP"
AN_HOUR = 3600
COMPANY = {"name": "Gulf Star Logistics"}
CONTACT = {"first_name": "Sara", "last_name": "Al Mansoori", "email": "s@example.com"}


def enrolled(user):
    """Set an authenticator app with `SEED` up for a person who has none."""
    if not proof.has_app(user):
        TOTP.activate(user, SEED)
    return user


def code_now(seed=SEED):
    """Return what an authenticator app shows now; it counts, though it was used before."""
    cache.clear()
    left = 30 - time.time() % 30
    if left < 3:  # it would be over before it is typed
        time.sleep(left)
    return format_hotp_value(hotp_value(seed, int(time.time()) // 30))


def sign_in_by_hand(client, user, password):
    """Sign in on the pages, with the code of an app where a second factor is asked for."""
    if proof.must_have_factor(user):
        enrolled(user)
    answer = client.post(LOGIN, {"login": user.email, "password": password})
    if answer.status_code == 302 and answer.url.startswith(AUTHENTICATE):
        answer = client.post(AUTHENTICATE, {"code": code_now()})
    return answer


def half_signed_in(user, client: Client | None = None, *, ago=AN_HOUR) -> Client:
    """Return a browser whose session knows the person's password and nothing else.

    It was typed `ago` seconds before, an hour unless told: too long for what is protected.
    """
    client = client or Client()
    client.force_login(user, backend=BACKEND)
    return _noted(client, user, ago, "password", email=user.email)


def fully_signed_in(user, client: Client | None = None, *, ago=None) -> Client:
    """Return a browser as it is after signing in, an hour before.

    Whoever must have a second factor has one, and whoever has one has proven it. For
    somebody without a password it was just now: they cannot be asked for it again.
    """
    if ago is None:
        ago = AN_HOUR if user.has_usable_password() else 0
    client = half_signed_in(user, client, ago=ago)
    if proof.must_have_factor(user):
        enrolled(user)
    if not proof.has_factor(user):
        return client
    factor = proof.newest(user)
    return _noted(client, user, ago, "mfa", id=factor.pk, type=factor.type)


def _noted(client: Client, user, ago, method, **more) -> Client:
    """Keep in a browser's session what django-allauth keeps of one step of signing in."""
    request = RequestFactory().get("/")
    request.session, request.user = client.session, user
    record_authentication(request, user, method, **more)
    request.session[AUTHENTICATION_METHODS_SESSION_KEY][-1]["at"] -= ago
    UserSession.objects.create_from_request(request)
    request.session.save()
    return client


def entered(organisation, answers=COMPANY, token="token-0001", **more):
    client_type = "contact" if "first_name" in answers else "company"
    return submit(
        organisation=organisation,
        client_type=client_type,
        answers=answers,
        source=more.pop("source", Source.FRONTDESK),
        token=token,
        user=None,
        **more,
    )


def sent(credential, row):
    """Let the relay make one call, and return the row as it is then."""
    relay.deliver_next(credential.fingerprint)
    return Submission.objects.get(pk=row.pk)


def look(row):
    """Look the row up as if it were due, and return it as it is then."""
    Submission.objects.filter(pk=row.pk).update(reconcile_at=timezone.now())
    fresh = Submission.objects.select_related("organisation").get(pk=row.pk)
    result = reconcile.reconcile(fresh)
    return result, Submission.objects.get(pk=row.pk)


def lost(organisation, sandbox, credential, *, created, answers=None, token="t-000001"):
    """Submit a client whose answer gets lost after Heffl did (not) create it."""
    sandbox.control.push_fault("reset_after_body", created=created)
    row = entered(organisation, answers or {"name": "Lost LLC"}, token=token)
    row = sent(credential, row)
    assert row.status == Status.UNCERTAIN
    return row
