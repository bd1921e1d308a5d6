"""What docs/operations.md says about backups works as it is written there.

Paths and names are replaced by those of a folder of the test, systemctl by nothing, and the
service's user by one without rights where this runs as root.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from configparser import ConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from django.db import connection

from tests.databases import Place, ask, name_of
from tests.fleet import ROOT, database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PAGE = (ROOT / "docs" / "operations.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
RUNUSER = "runuser -u heffl-portal --preserve-environment --"
SYSTEMD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A user without rights who may read this checkout although others may not.
READING = "--clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search"


def blocks(title, language):
    """Return the blocks of a language under a heading of the page."""
    found = re.split(rf"^##+ {re.escape(title)}$", PAGE, maxsplit=1, flags=re.M)[1]
    section = re.split(r"^##+ ", found, maxsplit=1, flags=re.M)[0]
    return [text for name, text in BLOCK.findall(section) if name == language]


@dataclass
class Machine:
    """A machine in a folder: who the service is, and where its database is."""

    folder: Path
    database: str = ""
    as_user: str = ""
    user: str = field(default_factory=lambda: pwd.getpwuid(os.geteuid()).pw_name)
    group: str = field(default_factory=lambda: grp.getgrgid(os.getegid()).gr_name)

    def written(self, text):
        """Return commands of the page with the names of this machine."""
        text = text.replace(RUNUSER, self.as_user)
        text = text.replace("runuser -u postgres --", "")
        url = urlsplit(self.database)
        owner = unquote(url.username or self.user)
        text = text.replace("--owner heffl-portal", f"--owner {shlex.quote(owner)}")
        text = re.sub(r"\bheffl_portal", name_of(self.database) or "none", text)
        text = re.sub(r"(-g|chgrp) heffl-portal", rf"\1 {self.group}", text)
        text = re.sub(r"-o heffl-portal", f"-o {self.user}", text)
        text = text.replace("/opt/heffl-portal", str(ROOT))
        for place in ("/etc", "/var/lib", "/var/backups"):
            text = text.replace(f"{place}/heffl-portal", f"{self.folder}{place}")
        return text

    def shell(self, *texts):
        """Run commands of the page in one shell, as root would type them."""
        url = urlsplit(self.database)
        server = {
            name: value
            for name, value in (
                ("PGHOST", unquote(url.hostname or "")),
                ("PGPORT", str(url.port or "")),
                ("PGUSER", unquote(url.username or "")),
            )
            if value
        }
        script = ["set -e", 'systemctl() { echo "systemctl $*"; }']
        done = subprocess.run(
            ["bash", "-c", "\n".join([*script, *map(self.written, texts)])],
            cwd=self.folder,
            env={"PATH": SYSTEMD_PATH, "HOME": "/", **server},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def service(self, unit):
        """Start a unit of the page as systemd would: its user, its settings, no more."""
        settings = ConfigParser(interpolation=None, strict=False)
        settings.optionxform = str
        settings.read_string(self.written(unit))
        service = settings["Service"]
        assert service["User"] == "heffl-portal"
        given = [
            line.split("=", 1)
            for line in Path(service["EnvironmentFile"]).read_text().splitlines()
        ]
        return subprocess.run(
            shlex.split(f"{self.as_user} {service['ExecStart']}"),
            cwd=service["WorkingDirectory"],
            env={"PATH": SYSTEMD_PATH, **dict(given)},
            capture_output=True,
            text=True,
            check=False,
        )


def may(prefix, url):
    """Say whether this program, and the database, can be used behind such a prefix."""
    asks = "import sys, psycopg; sys.argv[1] and psycopg.connect(sys.argv[1]).close()"
    command = [*shlex.split(prefix), sys.executable, "-c", asks, url]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def machine():
    folder = Path(tempfile.mkdtemp(prefix="portal-machine-", dir="/tmp"))
    folder.chmod(0o755)
    server = "" if connection.vendor == "sqlite" else database_url()
    place = Place(folder, server)
    found = Machine(folder, place.url("operated") if server else "")
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        group = grp.getgrgid(nobody.pw_gid).gr_name
        for prefix in (
            "runuser -u nobody --preserve-environment --",
            f"setpriv --reuid=nobody --regid={group} {READING} --",
        ):
            if may(prefix, server):
                found = Machine(folder, found.database, prefix, "nobody", group)
                break
    for each in ("etc", "var/lib", "var/backups"):
        (folder / each).mkdir(parents=True)
    shutil.chown(folder / "var" / "lib", found.user, found.group)
    (folder / "var" / "backups").rmdir()
    yield found
    place.remove()
    if server:
        Place(folder, server).url("operated_before")
    shutil.rmtree(folder)


def settings_of(machine):
    """Return the settings as the page has them; SQLite leaves the database out."""
    (text,) = blocks("Settings", "sh")
    if machine.database:
        address = f"DATABASE_URL={machine.database}"
        return machine.written(re.sub(r"^DATABASE_URL=.*$", address, text, flags=re.M))
    return machine.written(re.sub(r"^DATABASE_URL=.*\n", "", text, flags=re.M))


def prepared(machine):
    """Install as the page says, as far as backups need it; return the function `portal`."""
    machine.shell(*blocks("Secrets", "sh"))
    (machine.folder / "etc" / "env").write_text(settings_of(machine))
    (start,) = blocks("First start", "sh")
    portal = re.match(r"portal\(\) \{.*?\n.*?\}\n", start, re.S)[0]
    if machine.database:
        _user, make = blocks("Database", "sh")[0].strip().splitlines()
        machine.shell(make)
    machine.shell(portal, "portal migrate --verbosity 0")
    return portal


def database_of(machine):
    return machine.database or f"sqlite:///{machine.folder}/var/lib/portal.sqlite3"


def test_the_nightly_backup_and_the_restore_work_as_written(machine):
    portal = prepared(machine)
    make_directory, enable = blocks("Back up", "sh")
    unit, _timer = blocks("Back up", "ini")
    stop, postgresql, sqlite, restore, confirm = blocks("Restore", "sh")

    machine.shell(make_directory)
    nights = [machine.service(unit) for _ in range(2)]
    for night in nights:
        assert night.returncode == 0, night.stderr
    made = Path(nights[1].stdout.splitlines()[-1])
    assert made.parent == machine.folder / "var" / "backups"
    assert made.stat().st_uid == pwd.getpwnam(machine.user).pw_uid
    assert "systemctl enable --now heffl-portal-backup.timer" in machine.shell(enable)

    aside = postgresql if machine.database else sqlite
    said = machine.shell(stop, aside, portal, restore)
    assert "Nothing is sent until" in said
    holds = "SELECT reason FROM clients_app_hold WHERE released_at IS NULL"
    assert ask(database_of(machine), holds) == [("restored",)]
    assert "Sending goes on." in machine.shell(portal, confirm)


def test_a_directory_of_somebody_else_is_told_to_the_nightly_backup(machine):
    if not machine.as_user:
        pytest.skip("runs as the only user there is")
    prepared(machine)
    unit, _timer = blocks("Back up", "ini")
    (machine.folder / "var" / "backups").mkdir(mode=0o700)  # root's

    night = machine.service(unit)

    assert night.returncode == 1
    assert "No backup was made. This user may not write or read" in night.stderr
    assert "Traceback" not in night.stderr


def test_the_timer_starts_the_service_of_its_name_every_night():
    _unit, timer = blocks("Back up", "ini")

    assert "heffl-portal-backup.service" in PAGE
    assert "heffl-portal-backup.timer" in PAGE
    assert re.search(r"^OnCalendar=\*-\*-\* \d\d:\d\d$", timer, re.M)
    assert re.search(r"^WantedBy=timers\.target$", timer, re.M)
