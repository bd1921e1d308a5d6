"""What a portal is furnished with to be fuzzed: `python -m tests.fuzz.furnish STEP FOLDER`.

It runs beside the portal, with its settings, and speaks JSON on its standard output:

    make    an organisation with something in every list, and one that is closed
    keep    writes down what people and organisations are like now
    mend    puts them back: a fuzzer throws people out, closes pages, changes passwords
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import django
from django.db import DatabaseError, connection, transaction

TOKENS = 40
CLIENTS: dict[str, dict[str, Any]] = {
    "PENDING": {"source": "signup", "held_for": ["robot", "nosuch"]},
    "NEEDS_FIX": {"problem_field": "name", "message": "is wrong"},
    "REVIEW": {},
    "REJECTED": {"closed_reason": "no"},
    "DROPPED": {},
    "CREATED": {},
}
"""A client in each status that stays as it is, and what else its row says."""
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
INVITED = "fuzz-invitation-token-0123456789abcdef"


def kept_tables() -> list[Any]:
    """Return the tables that are put back, in the order in which they can be."""
    from allauth.account.models import EmailAddress
    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession
    from django.contrib.sessions.models import Session

    from clients_app import models

    return [
        *(models.User, models.Organisation, models.SignupPage, models.Membership),
        *(EmailAddress, Authenticator, Session, UserSession, models.CustomField),
        *(models.ApiCredential, models.WebhookSecret, models.Retention),
    ]


def make(people: dict[str, list[str]]) -> None:
    """Make what there is to ask for; `people` are address and password by role."""
    from clients_app import models, webhooks
    from clients_app.crypto import Secret
    from clients_app.signup.page_settings import put_logo

    ours = models.Organisation.objects.get(slug="attacked")
    owner = models.User.objects.get(email=people["owner"][0])
    for role in ("operator", "holder"):
        models.User.objects.create_superuser(*people[role])
    for slug, role in (("elsewhere", "stranger"), ("closed-house", "closed")):
        other = models.Organisation.objects.create(name=slug, slug=slug)
        person = models.User.objects.create_user(*people[role])
        models.Membership.objects.create(organisation=other, user=person, role="owner")
    for place, (kind, label) in enumerate(models.CustomFieldKind.choices):
        models.CustomField.objects.create(
            organisation=ours, key=f"cf_{kind}", label=str(label), kind=kind,
            options=["One", "Two"], position=place, is_public=True,
        )  # fmt: skip
    page, _made = models.SignupPage.objects.get_or_create(organisation=ours)
    page.accent, page.kiosk_key = "#aa3311", "k" * 32
    page.allowed_origins = ["https://partner.example"]
    put_logo(page, _picture())
    page.save()
    webhooks.add_secret(ours, Secret(SECRET), user=owner)


def _picture() -> bytes:
    import io

    from PIL import Image

    target = io.BytesIO()
    Image.new("RGB", (8, 8), "#aa3311").save(target, "PNG")
    return target.getvalue()


def _client(organisation: Any, nth: int, status: str, **more: Any) -> Any:
    from tests.factories import SubmissionFactory

    return SubmissionFactory(
        organisation=organisation,
        display_name=f"Fuzzed {status} {nth}",
        submission_token=f"fuzz-{nth}-{status}"[:64],
        status=status,
        **more,
    )


def things() -> dict[str, str]:
    """Make what is used up anew, and return everything that an address may name."""
    from django.core.cache import cache

    from clients_app import models
    from clients_app.imports import drafts
    from clients_app.models import SignupPage

    cache.clear()
    models.SignupBucket.objects.all().delete()
    ours = models.Organisation.objects.get(slug="attacked")
    closed = models.Organisation.objects.get(slug="closed-house")
    owner = models.User.objects.get(email__startswith="owner@")
    nth = models.Submission.objects.count()
    found = {"slug": ours.slug, "closed": closed.slug, "webhook_secret": SECRET}
    CLIENTS["CREATED"] = {"heffl_id": f"clt_{nth}", "number": f"CLT-{nth}"}
    for status, more in CLIENTS.items():
        row = _client(
            ours, nth, status, receipt=f"{nth:08d}{status.lower():_<24}"[:32], **more
        )
        found[f"client.{status}"] = str(row.uuid)
        found[f"receipt.{status}"] = row.receipt
    found["foreign_client"] = str(_client(closed, nth, "PENDING").uuid)
    page = SignupPage.objects.get(organisation=ours)
    draft = drafts.upload(ours, "a.csv", b"name,email\nA,a@b.de\nB,\n", user=owner)
    member = models.Membership.objects.get(organisation=ours, role="frontdesk")
    field = models.CustomField.objects.filter(organisation=ours).first()
    person = models.User.objects.get(email__startswith="closed@")  # is not signed in
    found |= {
        "import": str(draft.uuid),
        "kiosk": page.kiosk_key,
        "member": str(member.pk),
        "field": str(field.pk if field else 1),
        "person": str(person.pk),
        "audit": str(models.AuditEvent.objects.order_by("-pk").first().pk),  # type: ignore[union-attr]
        "organisation": str(ours.pk),
        "submission": str(models.Submission.objects.order_by("-pk").first().pk),  # type: ignore[union-attr]
    }
    return found | _addressed(ours, page, person) | _second_factors()


def _second_factors() -> dict[str, str]:
    """Give the holder a passkey once they are signed in, and return its number."""
    from allauth.mfa.models import Authenticator
    from fido2.cose import ES256
    from fido2.webauthn import AttestedCredentialData, AuthenticatorData

    from clients_app.models import User

    holder = User.objects.get(email__startswith="holder@")
    found = Authenticator.objects.filter(user=holder, type="webauthn").first()
    if found is None and Authenticator.objects.filter(user=holder).exists():
        key = ES256({1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32})
        held = AttestedCredentialData.create(b"\x00" * 16, b"fuzzed-key", key)
        flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT
        told = AuthenticatorData.create(b"r" * 32, flags, 0, bytes(held))
        found = Authenticator.objects.create(
            user=holder, type="webauthn", data=_as_registered(told)
        )
    return {"passkey": str(found.pk) if found else "0"}


def _as_registered(told: Any) -> dict[str, Any]:
    """Return a passkey as allauth keeps it."""
    from fido2.webauthn import AttestationObject

    whole = AttestationObject.create("none", told, {})
    coded = base64.urlsafe_b64encode
    said = b'{"type": "webauthn.create", "challenge": "AAAA", "origin": "http://x"}'
    return {
        "name": "Fuzzed key",
        "credential": {
            "id": coded(b"fuzzed-key").decode().rstrip("="),
            "rawId": coded(b"fuzzed-key").decode().rstrip("="),
            "type": "public-key",
            "response": {
                "clientDataJSON": coded(said).decode().rstrip("="),
                "attestationObject": coded(bytes(whole)).decode().rstrip("="),
            },
            "clientExtensionResults": {"credProps": {"rk": True}},
        },
    }


def _addressed(ours: Any, page: Any, person: Any) -> dict[str, str]:
    """Return what the addresses of mails and of the signup page hold."""
    import hashlib

    from allauth.account.forms import default_token_generator
    from allauth.account.models import EmailAddress, EmailConfirmationHMAC
    from allauth.account.utils import user_pk_to_url_str
    from django.utils import timezone

    from clients_app import models
    from clients_app.signup import robots
    from clients_app.views import brand
    from tests.signups import proof_for

    models.Invitation.objects.update_or_create(
        organisation=ours,
        email="invited@attacked.example",
        defaults={
            "role": "frontdesk",
            "language": "en",
            "token_hash": hashlib.sha256(INVITED.encode()).hexdigest(),
            "expires_at": timezone.now() + timedelta(days=1),
        },
    )
    address = EmailAddress.objects.filter(user=person).first()
    found = {
        "invitation": INVITED,
        "reset_user": user_pk_to_url_str(person),
        "reset_key": default_token_generator.make_token(person),
        "confirm_key": EmailConfirmationHMAC(address).key if address else "x:y",
        "logo": page.logo_hash,
        "brand": brand.stylesheet_address(ours.slug, page).split(".")[-2] or "x",
    }
    for nth in range(TOKENS):
        then = timezone.now() - timedelta(seconds=30)
        token = robots.new_token(models.SignupPage.of(ours), then)
        found |= {f"signup_token.{nth}": token.sign(), f"proof.{nth}": proof_for(token)}
    return found


PARTS: dict[str, tuple[str, ...]] = {
    "slug": ("⟦slug⟧",),
    "uuid": tuple(f"⟦client.{status}⟧" for status in CLIENTS) + ("⟦foreign_client⟧",),
    "import_id": ("⟦import⟧",),
    "pk": ("⟦field⟧", "⟦passkey⟧"),
    "person": ("⟦member⟧",),
    "token": ("⟦invitation⟧",),
    "receipt": ("⟦receipt.PENDING⟧", "⟦receipt.NEEDS_FIX⟧", "⟦receipt.REJECTED⟧"),
    "digest": ("⟦brand⟧", "⟦logo⟧"),
    "key": ("⟦confirm_key⟧", "⟦reset_key⟧", "set-password"),
    "uidb36": ("⟦reset_user⟧",),
    "object_id": ("⟦organisation⟧", "⟦submission⟧", "⟦audit⟧"),
    "content_type_id": ("1",),
    "app_label": ("clients_app",),
    "url": ("nosuch",),
}
"""What stands for each part of an address. A part without a line here is an error."""
_PART = re.compile(r"<\w+:(\w+)>|\(\?P<(\w+)>[^)]*\)")


def routes() -> dict[str, list[str]]:
    """Return every address of the URLconf, with the paths that are asked for there."""
    found: dict[str, list[str]] = {}
    for route in _patterns():
        names = [one or other for one, other in _PART.findall(route)]
        plain = re.sub(r"[\^$]|\\(?=\W)", "", route) if "(?P" in route else route
        paths = []
        for nth in range(max([1, *(len(PARTS[name]) for name in names)])):
            paths.append("/" + _PART.sub(partial(_part, nth), plain))
        found[route] = list(dict.fromkeys(paths))
    return found


def _part(nth: int, found: re.Match[str]) -> str:
    those = PARTS[found[1] or found[2]]
    return those[nth % len(those)]


def _patterns(patterns: Any = None, before: str = "") -> list[str]:
    from django.urls import URLResolver, get_resolver

    found = []
    for one in patterns or get_resolver().url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            found += _patterns(one.url_patterns, route)
        else:
            found.append(route)
    return found


def keep(folder: Path) -> None:
    """Write down the rows of the tables that `mend` puts back."""
    from django.core import serializers

    rows = [row for table in kept_tables() for row in table._default_manager.all()]
    (folder / "kept.json").write_text(serializers.serialize("json", rows))


def mend(folder: Path) -> None:
    """Put back what `keep` wrote down, and take away what came beside it."""
    from django.core import serializers

    kept = list(serializers.deserialize("json", (folder / "kept.json").read_text()))
    for table in kept_tables():
        mine = [row for row in kept if type(row.object) is table]
        if table.__name__ in ("Membership", "EmailAddress", "Authenticator"):
            known = [row.object.pk for row in mine]
            table._default_manager.exclude(pk__in=known).delete()
        for row in mine:
            try:
                with transaction.atomic():
                    row.save()
            except DatabaseError as error:
                sys.stderr.write(f"not mended: {row.object!r}: {error}\n")


def main() -> int:
    """Do one step and print what it says."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    django.setup()
    if step == "make":
        make(json.loads(os.environ["FUZZ_PEOPLE"]))
    elif step == "keep":
        keep(folder)
    elif step == "mend":
        mend(folder)
    told = {"things": things(), "routes": routes(), "vendor": connection.vendor}
    (folder / "things.json").write_text(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
