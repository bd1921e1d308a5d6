"""A portal in a process of its own, whose database a test takes away.

    DATABASE_URL=… python -m tests.outages

It makes an organisation with an owner who has a second factor and is signed in, then
answers each line on stdin by asking every address, and prints the answers as one of JSON.
The requests go through the whole application, as a web server hands them over.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SLUG = "al-noor"
OPEN = ("/healthz", "/readyz", "/metrics", "/static/portal.css")
STRANGERS = ("/", "/accounts/login/", "/accounts/password/reset/", f"/s/{SLUG}/")
OWNERS = (
    "/",
    f"/o/{SLUG}/clients/",
    f"/o/{SLUG}/clients/new/",
    f"/o/{SLUG}/clients/export.csv",
    f"/o/{SLUG}/overview/",
    f"/o/{SLUG}/review/",
    f"/o/{SLUG}/audit/export.csv",
    f"/o/{SLUG}/settings/members/",
    "/accounts/preferences/",
    "/admin/",
    f"/s/{SLUG}/",
    "/nowhere/",
)


def migrated(database_url: str, **environment: str) -> str:
    """Make the tables in a database, and return its address. Raises CalledProcessError."""
    subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "migrate", "-v0"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "heffl_portal.settings",
            **environment,
        },
        check=True,
        capture_output=True,
    )
    return database_url


class Portal:
    """The process, asked line by line."""

    def __init__(self, database_url: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.outages"],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": database_url,
                "DJANGO_SETTINGS_MODULE": "heffl_portal.settings",
                "MFA_REQUIRED_ROLES": "owner,admin",
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._log: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        self._log.extend(self._process.stderr)

    def answers(self, deed: str = "ask") -> dict[str, dict[str, Any]]:
        """Return what each address answers now, by who asks, method and address."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{deed}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(self.stop()[-3000:])
        return dict(json.loads(line))

    def stop(self) -> str:
        """End the process and return what it wrote to its log."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
            self._process.wait()
            self._reader.join()
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()
        return "".join(self._log)


def statuses(answers: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Return the status of each answer."""
    return {name: answer["status"] for name, answer in answers.items()}


def needs_database(name: str) -> bool:
    """Say whether an address cannot be answered without the database."""
    path = name.rpartition(" ")[2]
    return path not in ("/healthz", "/metrics", "/static/portal.css", "/nowhere/") and (
        not name.startswith("stranger GET /") or path.startswith(("/s/", "/readyz"))
    )


def main() -> None:
    """Serve stdin."""
    import django
    from django.conf import settings

    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True
    django.setup()
    cookie = _people()
    for line in sys.stdin:
        if line.strip() == "small":
            _no_file_grows()
        print(json.dumps(_round(cookie)), flush=True)  # noqa: T201 - its answer


def _no_file_grows() -> None:
    """Let every further write fail, as on a full disk."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def _people() -> str:
    from django.conf import settings

    from clients_app.models import Membership, Organisation, Role, SignupPage, User
    from tests.journeys import fully_signed_in

    organisation, _made = Organisation.objects.get_or_create(
        slug=SLUG, defaults={"name": "Al Noor", "signup_mode": "send"}
    )
    SignupPage.objects.get_or_create(organisation=organisation)
    user = User.objects.create_user("owner@al-noor.test", "correct horse battery")
    Membership.objects.create(organisation=organisation, user=user, role=Role.OWNER)
    client = fully_signed_in(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].OutputString()


def _round(cookie: str) -> dict[str, dict[str, Any]]:
    sign_in = {"login": "owner@al-noor.test", "password": "wrong"}
    found = {f"stranger GET {path}": _ask(path) for path in (*OPEN, *STRANGERS)}
    found["stranger POST /accounts/login/"] = _ask("/accounts/login/", sign_in)
    found[f"stranger POST /s/{SLUG}/"] = _ask(f"/s/{SLUG}/", {"name": "Gulf Star"})
    for path in (*OPEN, *OWNERS):
        found[f"owner GET {path}"] = _ask(path, cookie=cookie)
    found["owner POST /accounts/shortcuts/"] = _ask(
        "/accounts/shortcuts/", {"next": "/"}, cookie=cookie
    )
    status = f"/o/{SLUG}/clients/00000000-0000-4000-8000-000000000000/status/"
    found[f"owner GET {status}"] = _ask(
        status, cookie=cookie, accept="application/json"
    )
    return found


def _ask(
    path: str,
    posted: dict[str, str] | None = None,
    cookie: str = "",
    accept: str = "*/*",
) -> dict[str, Any]:
    from django.conf import settings
    from django.test import RequestFactory

    from heffl_portal.wsgi import application

    token = "a" * 32
    if posted is not None:
        posted = {**posted, "csrfmiddlewaretoken": token}
        cookie = f"{cookie}; {settings.CSRF_COOKIE_NAME}={token}"
    factory = RequestFactory(HTTP_HOST="localhost", HTTP_COOKIE=cookie)
    request = (
        factory.get(path, headers={"Accept": accept})
        if posted is None
        else factory.post(path, posted)
    )
    answer: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        lowered = {name.lower(): value for name, value in headers}
        answer["status"] = int(status.split()[0])
        answer["retry"] = lowered.get("retry-after", "")
        answer["type"] = lowered.get("content-type", "")

    response = application(request.environ, start)
    body = b"".join(response)
    response.close()  # type: ignore[attr-defined]
    return answer | {"body": body.decode(errors="replace")[:4000]}


if __name__ == "__main__":
    main()
