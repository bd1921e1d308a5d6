"""The house keeps its word: pins, commands and settings that the documents name exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scripts import pins, secret_scan

BASE_DIR = Path(__file__).resolve().parent.parent.parent
PINNED = "django==5.2.1 \\\n    --hash=sha256:{}\n".format("0" * 64)
ANY_KEY = "heffl_user_" + "k3Jd92mXq81zPw7T"


def read(name: str) -> str:
    return (BASE_DIR / name).read_text()


@pytest.mark.parametrize(("source", "target"), pins.PAIRS.items())
def test_requirements_are_all_pinned_with_hashes(source, target):
    assert pins.faults(read(source), read(target)) == []


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (PINNED.replace("django", "flask"), "django is not pinned"),
        (PINNED.replace("==5.2.1", ">=5.2"), "django has no exact version"),
        (PINNED.split(" \\")[0] + "\n", "django has no hash"),
        (PINNED + "--index-url https://example.com\n", "an option line"),
    ],
)
def test_pins_names_what_is_wrong(given, fault):
    assert any(found.startswith(fault) for found in pins.faults("Django==5.2.*", given))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (f"a\nKEY = '{ANY_KEY}'\n", [(2, "Heffl API key")]),
        ("KEY = 'heffl_user_test_" + "k3Jd92mXq81zPw7T'", []),
        ("whsec_" + "Qk9r8GKYqrTwjUPD8ILPZIo2LaLaSwMf", [(1, "webhook secret")]),
        (
            "-----BEGIN RSA PRIVATE" + " KEY-----\n" + "A" * 64,
            [(1, "private key")],
        ),
        (
            "postgresql://portal:" + "hunter2hunter2@db/x",
            [(1, "password in an address")],
        ),
        ("postgresql://user:password@host/name", []),
    ],
)
def test_secret_scan_tells_keys_from_placeholders(text, kinds):
    assert secret_scan.findings(text) == kinds


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "docs/operations.md", ".ci/run"]
)
def test_documents_name_only_make_targets_that_exist(document):
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))

    named = set(
        re.findall(r"(?:`|^|=\S+ )make ([a-z-]+)", read(document), re.MULTILINE)
    )

    assert named <= targets


def test_help_lists_what_the_interface_promises():
    helped = set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE))

    promised = {"help", "run", "test", "check", "lint", "types", "layers"}

    assert helped >= promised | {"bench", "soak", "sandbox"}


def test_env_example_lists_every_setting():
    reader = read("heffl_portal/env.py")
    names = set(
        re.findall(r"(?:env\.\w+|checked|_secret|get)\(\s*\"([A-Z_]+)\"", reader)
    )
    names |= set(re.findall(r"_secret\(env, \"([A-Z_]+)\"", reader))

    listed = set(re.findall(r"^([A-Z_]+)=", read(".env.example"), re.MULTILINE))

    assert {"SECRET_KEY", "PORTAL_KEYRING", "DATABASE_URL", "PORT"} <= names
    assert listed == names


def test_no_test_imports_another():
    of_a_test = re.compile(r"^\s*(?:from|import) tests\.[\w.]*\btest_\w+", re.MULTILINE)

    importing = [
        str(path.relative_to(BASE_DIR))
        for folder in ("tests", "benchmarks")
        for path in (BASE_DIR / folder).rglob("*.py")
        if of_a_test.search(path.read_text())
    ]

    assert importing == []


def test_every_package_of_the_app_has_an_exhaustive_contract():
    settings = tomllib.loads(read("pyproject.toml"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    held = {
        container
        for contract in contracts
        if contract["type"] == "layers" and contract.get("exhaustive")
        for container in contract["containers"]
    }

    packages = {
        ".".join(path.parent.relative_to(BASE_DIR).parts)
        for path in (BASE_DIR / "clients_app").rglob("__init__.py")
        if len(list(path.parent.glob("*.py"))) > 1
    }

    assert packages - {"clients_app.migrations"} <= held
