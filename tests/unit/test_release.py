"""One version, told alike everywhere, and what a public forge finds beside the code."""

from __future__ import annotations

import datetime
import json
import logging
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import RequestFactory

from clients_app import credentials
from clients_app.views.health import health_alive
from heffl_portal import __version__, web_server
from heffl_portal.log_config import JsonFormatter
from tests.unit.heffl.scripted_server import ScriptedServer
from tests.unit.heffl.truth_table import answer

BASE_DIR = Path(__file__).resolve().parent.parent.parent
FORGE = BASE_DIR / ".github"
WORKFLOW = FORGE / "workflows" / "ci.yml"
FORMS = ("bug_report.yml", "feature_request.yml")
PRIVATE = "SECURITY.md"


def read(name: str) -> str:
    return (BASE_DIR / name).read_text()


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def headings() -> list[str]:
    return re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)


def test_changelog_opens_with_what_is_not_released_and_then_this_version():
    first, second = headings()[:2]

    assert first == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d", second)
    datetime.date.fromisoformat(second[-10:])


def test_project_file_names_the_same_version():
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == __version__


def test_healthz_says_ok_and_then_the_version():
    response = health_alive(RequestFactory().get("/healthz"))

    assert response.status_code == 200
    assert response.content.decode() == f"ok\nheffl-portal {__version__}\n"


def test_web_server_logs_which_version_started(caplog):
    with caplog.at_level(logging.INFO, "portal.web"):
        web_server.when_ready(server=None)

    (record,) = caplog.records
    line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["role"]) == ("started", "web")
    assert line["version"] == __version__


def test_heffl_is_told_the_version(connected, settings):
    with ScriptedServer(answer(200, b'{"data": []}')) as server:
        settings.HEFFL_API_URL = server.url("http")
        credentials.api_for(connected).check_key()

    assert f"User-Agent: heffl-portal/{__version__}\r\n".encode() in server.request()


def test_workflow_prepares_a_machine_and_runs_the_build_alone():
    (job,) = parsed(WORKFLOW)["jobs"].values()

    commands = [step["run"] for step in job["steps"] if "run" in step]

    assert commands[-1] == ".ci/run"
    before = [line for text in commands[:-1] for line in text.splitlines()]
    assert {line.split()[0] for line in before} == {"apt-get", "git"}
    assert [line for line in before if re.search(r"[;&|`]|\$\(", line)] == []


def test_workflow_may_only_read_and_trusts_no_moving_tag():
    workflow = parsed(WORKFLOW)
    (job,) = workflow["jobs"].values()

    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in job
    assert job["timeout-minutes"] <= 60
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", FORMS)
def test_issue_form_has_what_a_forge_asks_of_it(name):
    form = parsed(FORGE / "ISSUE_TEMPLATE" / name)

    assert all(form[key] for key in ("name", "description", "body"))
    assert PRIVATE in form["body"][0]["attributes"]["value"]
    named = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(named) == len(set(named)) > 0
    for part in form["body"][1:]:
        assert part["attributes"]["label"]


def test_issue_chooser_leads_security_problems_away_from_issues():
    chooser = parsed(FORGE / "ISSUE_TEMPLATE" / "config.yml")

    assert chooser["blank_issues_enabled"] is False
    (link,) = chooser["contact_links"]
    assert "Security" in link["about"]
    assert PRIVATE in link["about"]
    assert link["url"].startswith("https://")


def test_pull_requests_are_asked_for_the_whole_build_and_the_changelog():
    asked = (FORGE / "pull_request_template.md").read_text()

    for word in ("`make check`", "`make test`", "`CHANGELOG.md`"):
        assert re.search(rf"^- \[ \] .*{word}", asked, re.MULTILINE)


@pytest.mark.parametrize(
    ("document", "target"),
    [
        ("README.md", "LICENSE"),
        ("README.md", PRIVATE),
        ("CONTRIBUTING.md", PRIVATE),
    ],
)
def test_document_links_what_a_public_project_has(document, target):
    assert f"]({target})" in read(document)
    assert read(target)


def test_licence_is_mit_and_names_the_authors():
    text = read("LICENSE")

    assert text.startswith(
        "MIT License\n\nCopyright (c) 2026 The Heffl Portal authors\n"
    )
    assert 'THE SOFTWARE IS PROVIDED "AS IS"' in text
