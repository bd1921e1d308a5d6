"""Settings that are missing or malformed: named, explained, and never echoed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from heffl_portal import env
from heffl_portal.startup import StartupError

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parents[2]
MARK = "MARKED-VALUE-7f3a"
RING = "unit:" + "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    for name in re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setattr(env, "VAR_DIR", tmp_path)
    monkeypatch.setenv("SECRET_KEY", "s" * 60)
    monkeypatch.setenv("PORTAL_KEYRING", RING)


def refusal():
    with pytest.raises(StartupError) as caught:
        env.read()
    return str(caught.value)


def test_read_has_safe_defaults():
    found = env.read()

    assert found.debug is False
    assert found.https_only is False
    assert found.heffl_api_url == "https://api.heffl.com/api/v1"
    assert found.rate_limit == (60, 60.0)
    assert found.mfa_required_roles == ["owner", "admin"]
    assert found.database["ENGINE"] == "django.db.backends.sqlite3"
    assert found.database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_read_names_everything_missing_at_once(monkeypatch):
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.delenv("PORTAL_KEYRING")

    words = refusal()

    assert "SECRET_KEY is not set" in words
    assert "PORTAL_KEYRING is not set" in words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEFFL_API_URL", f"http://{MARK}.example/api/v1"),
        ("HEFFL_API_URL", f"ftp://{MARK}"),
        ("HEFFL_API_URL", f"https://user:{MARK}@api.heffl.com/api/v1"),
        ("HEFFL_API_URL", f"https://[{MARK}/api"),
        ("HEFFL_RATE_LIMIT", MARK),
        ("HEFFL_RATE_LIMIT", "0/60"),
        ("DATABASE_URL", f"mysql://root:{MARK}@db/portal"),
        ("DATABASE_URL", MARK),
        ("DATABASE_URL", f"postgresql://u:{MARK}@db:port/x"),
        ("EMAIL_URL", f"smtp://user:{MARK}@host:port"),
        ("DEBUG", MARK),
        ("HTTPS_ONLY", MARK),
        ("TRUSTED_PROXY_COUNT", MARK),
        ("TRUSTED_PROXY_COUNT", "-1"),
        ("DELIVERY_THREADS", MARK),
        ("DELIVERY_THREADS", "0"),
        ("MFA_REQUIRED_ROLES", f"owner,{MARK}"),
    ],
)
def test_read_names_a_malformed_setting_and_not_its_value(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    words = refusal()

    assert name in words
    assert MARK not in words


def test_read_takes_a_secret_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "ring").write_text(f"\n{RING}\n")
    monkeypatch.delenv("PORTAL_KEYRING")
    monkeypatch.setenv("PORTAL_KEYRING_FILE", str(tmp_path / "ring"))

    assert env.read().keyring == RING


@pytest.mark.parametrize("name", ["SECRET_KEY", "PORTAL_KEYRING"])
def test_read_names_a_secret_file_that_is_missing(monkeypatch, tmp_path, name):
    monkeypatch.delenv(name)
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "nothing"))

    assert name in refusal()


@pytest.mark.parametrize(("mode", "taken"), [(0o600, True), (0o644, False)])
def test_read_takes_the_key_of_make_run_only_when_nobody_else_can_read_it(
    monkeypatch, tmp_path, mode, taken
):
    monkeypatch.delenv("SECRET_KEY")
    path = tmp_path / "secret_key"
    path.write_text("x" * 50)
    path.chmod(mode)

    if taken:
        assert env.read().secret_key == "x" * 50
    else:
        assert "SECRET_KEY" in refusal()


@pytest.mark.parametrize(
    ("hosts", "https_only"),
    [
        ("localhost,127.0.0.1", False),
        ("portal.example.com", True),
        ("localhost,portal.example.com", True),
        ("*", True),
    ],
)
def test_read_asks_for_https_unless_every_host_is_this_machine(
    monkeypatch, hosts, https_only
):
    monkeypatch.setenv("ALLOWED_HOSTS", hosts)

    assert env.read().https_only is https_only


@pytest.mark.parametrize("url", ["http://127.0.0.1:8100/api/v1", "http://[::1]/api/v1"])
def test_read_allows_http_to_this_machine(monkeypatch, url):
    monkeypatch.setenv("HEFFL_API_URL", url + "/")

    assert env.read().heffl_api_url == url


def test_read_lets_nobody_need_a_second_factor_when_told_so(monkeypatch):
    monkeypatch.setenv("MFA_REQUIRED_ROLES", "")

    assert env.read().mfa_required_roles == []


def test_env_example_lists_every_variable_that_is_read():
    source = (ROOT / "heffl_portal" / "env.py").read_text()
    read = set(
        re.findall(r'(?:env\.\w+|checked|_secret)\(\s*(?:env, )?"([A-Z_]+)"', source)
    )
    read |= set(re.findall(r'os\.environ\.get\("([A-Z_]+)"', source))

    listed = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))

    assert read == listed


def manage(*arguments, **settings):
    """Run manage.py in a process of its own; settings None are taken away."""
    surroundings = {"PATH": os.environ["PATH"], "SECRET_KEY": "s" * 60}
    surroundings |= {"PORTAL_KEYRING": RING}
    surroundings |= {name: value for name, value in settings.items() if value}
    for name, value in settings.items():
        if value is None:
            surroundings.pop(name, None)
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_one_paragraph(done, *words):
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr


@pytest.mark.slow
def test_start_without_settings_says_so_in_one_paragraph(tmp_path):
    done = manage("check", SECRET_KEY=None, PORTAL_VAR_DIR=str(tmp_path))

    assert_one_paragraph(done, "SECRET_KEY is not set", ".env.example")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ring", "words"),
    [
        ("2026a:c2hvcnQ=", "key '2026a' is 5 bytes, must be 32"),
        (f"{RING},{RING}", "key 'unit' stands there twice"),
    ],
)
def test_start_with_a_bad_ring_names_the_id(tmp_path, ring, words):
    done = manage("check", PORTAL_KEYRING=ring, PORTAL_VAR_DIR=str(tmp_path))

    assert_one_paragraph(done, words)
    assert "c2hvcnQ" not in done.stderr


@pytest.mark.slow
def test_start_without_a_writable_folder_says_so(tmp_path):
    url = f"sqlite:///{tmp_path}/missing/portal.sqlite3"

    done = manage("migrate", DATABASE_URL=url)

    assert_one_paragraph(done, "cannot be opened or written", "missing/portal.sqlite3")


@pytest.mark.slow
def test_start_without_the_database_server_says_so_and_hides_the_password():
    url = f"postgresql://portal:{MARK}@127.0.0.1:9/portal"

    done = manage("migrate", DATABASE_URL=url)

    assert_one_paragraph(done, "cannot be reached", "127.0.0.1:9")
    assert MARK not in done.stderr


@pytest.mark.slow
def test_start_on_a_file_that_is_no_database_says_so(tmp_path):
    path = tmp_path / "portal.sqlite3"
    path.write_text("This is a letter, not a database. " * 100)

    done = manage("migrate", DATABASE_URL=f"sqlite:///{path}")

    assert_one_paragraph(done, "no database")


@pytest.mark.slow
def test_deploy_check_passes_with_production_settings(tmp_path):
    done = manage(
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        SECRET_KEY="0aX!k7" * 12,
        ALLOWED_HOSTS="portal.example.com",
        DATABASE_URL=f"sqlite:///{tmp_path}/portal.sqlite3",
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "address",
    [
        "smtp+tls://user:secret@mail.example.com:587",
        "smtp+ssl://user:secret@mail.example.com:465",
        "smtp://mail.example.com:25",
        "file:///tmp/mail",
        "console:",
    ],
)
def test_every_documented_kind_of_mail_is_taken(monkeypatch, address):
    monkeypatch.setenv("EMAIL_URL", address)

    assert env.read().email["EMAIL_BACKEND"]


def test_mail_goes_to_the_file_that_is_named(monkeypatch):
    monkeypatch.setenv("EMAIL_URL", "file:///tmp/mail")

    assert env.read().email["EMAIL_FILE_PATH"] == "/tmp/mail"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_URL", "nope://secret"),
        ("EMAIL_URL", "garbage"),
        ("HEFFL_API_URL", "http://127.0.0.1:99999/api/v1"),
    ],
)
def test_what_once_ended_in_a_traceback_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(StartupError) as refused:
        env.read()

    assert name in str(refused.value)
    assert value not in str(refused.value)
