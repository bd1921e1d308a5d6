"""What a start needs done once: tables, static files and, for `make run`, the demo.

Run as a process of its own, so that the one that supervises stays small.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

DEMO_SLUG = "demo"
MEMBERS = {"frontdesk@demo.test": "frontdesk", "reviewer@demo.test": "reviewer"}
OWNER = "owner@demo.test"


def migrate() -> None:
    """Bring the tables up to date, if they are not."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def newest(paths: list[Path]) -> float:
    """Return when the newest of these paths, or what they hold, changed (epoch seconds)."""
    everything = [*paths, *(inner for path in paths for inner in path.rglob("*"))]
    return max(
        (path.stat().st_mtime for path in everything if path.exists()), default=0
    )


def collect_static() -> None:
    """Collect and compress the static files, if one is newer than the last collection."""
    from django.conf import settings
    from django.core.management import call_command

    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    sources = [
        *(Path(directory) for directory in settings.STATICFILES_DIRS),
        settings.BASE_DIR / "requirements.txt",
        settings.BASE_DIR / "heffl_portal" / "settings.py",
        settings.BASE_DIR / "heffl_portal" / "static_files.py",
    ]
    if manifest.exists() and manifest.stat().st_mtime >= newest(sources):
        return
    closed = os.umask(0o022)  # static files are for everybody, unlike the data
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    os.umask(closed)


def make_demo(*, renew: bool) -> None:
    """Make the demo organisation and its people, where they are missing.

    With `renew` the passwords and the stand-in's key are new: those there get them too.
    """
    from django.conf import settings
    from django.core.management import call_command

    from clients_app.models import Organisation

    passwords = json.loads((settings.VAR_DIR / "demo_signins").read_text())
    os.environ["HEFFL_API_KEY"] = (settings.VAR_DIR / "sandbox_key").read_text().strip()
    os.environ["PORTAL_OWNER_PASSWORD"] = passwords[OWNER]
    organisation = Organisation.objects.filter(slug=DEMO_SLUG).first()
    if organisation is None:
        call_command("create_organisation", "Demo Trading", slug=DEMO_SLUG, owner=OWNER)
    elif renew:
        renew_demo(passwords)
    add_members(passwords)
    open_signup_page()


def open_signup_page() -> None:
    """Open the demo's signup page, unless somebody has set it up already."""
    from clients_app.models import ApprovalMode, Organisation, SignupPage

    organisation = Organisation.objects.get(slug=DEMO_SLUG)
    texts = {
        "intro_en": "Tell us who you are, and we open an account for you.",
        "intro_ar": "عرّفنا بنفسك لنفتح لك حسابًا.",
        "thanks_en": "We call you back within one working day.",
        "thanks_ar": "سنتصل بك خلال يوم عمل واحد.",
        "contact": "hello@demo.test",
        "shows_number": True,
    }
    _page, made = SignupPage.objects.get_or_create(
        organisation=organisation, defaults=texts
    )
    if made and not organisation.signup_mode:
        organisation.signup_mode = ApprovalMode.SUSPICIOUS
        organisation.save(update_fields=["signup_mode"])


def add_members(passwords: dict[str, str]) -> None:
    """Add the demo's front desk and reviewer, where they are missing.

    `passwords` are by e-mail address.
    """
    from django.core.management import call_command

    from clients_app.models import Membership

    there = Membership.objects.filter(organisation__slug=DEMO_SLUG)
    emails = set(there.values_list("user__email", flat=True))
    for email, role in MEMBERS.items():
        if email not in emails:
            os.environ["PORTAL_MEMBER_PASSWORD"] = passwords[email]
            call_command("add_member", DEMO_SLUG, email, role=role)


def renew_demo(passwords: dict[str, str]) -> None:
    """Give the demo's people the passwords that were made anew, by e-mail address."""
    from clients_app.models import User

    for user in User.objects.filter(email__in=passwords):
        user.set_password(passwords[user.email])
        user.save(update_fields=["password"])


def main() -> None:
    """Read the options and do what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--renew", action="store_true")
    parser.add_argument("--static-only", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heffl_portal.settings")
    from heffl_portal.startup import explained

    with explained():
        import django

        from heffl_portal import env

        env.read_web_server()  # so that a bad setting shows before anything is made
        django.setup()
        collect_static()
        if not options.static_only:
            migrate()
        if options.demo:
            make_demo(renew=options.renew)


if __name__ == "__main__":
    main()
