"""The control routes and who may use them."""

import json

import pytest

from heffl_sandbox.control import Control, ControlError
from tests.unit.sandbox.conftest import KEY, call, create, raw

JSON = {"Content-Type": "application/json"}
OTHER = "heffl_user_other_key_0002"


def test_health_counts_clients(sandbox, control):
    create(sandbox, {"name": "A"})

    assert control.health() == {"status": "ok", "version": "1.0", "clients": 1}


def test_control_takes_any_address_of_the_sandbox(sandbox):
    for address in (sandbox.root_url, sandbox.base_url, sandbox.control_url):
        assert Control(address).health()["status"] == "ok"


def test_control_refuses_an_address_that_is_none():
    with pytest.raises(ValueError, match="http://"):
        Control("127.0.0.1:8100")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "heffl.example"},
        {"Host": "127.0.0.1.example.com"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_foreign_callers_are_forbidden(sandbox, control, method, headers):
    control.push_fault("none")
    body = b"{}" if method == "POST" else None

    answer = call(sandbox, method, "/_sandbox/faults", body, headers=headers)

    assert answer.status == 403
    assert len(control.faults()["queue"]) == 1


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8100", "127.0.0.9", "[::1]:8"]
)
def test_loopback_names_are_let_in(sandbox, host):
    answer = call(sandbox, "GET", "/_sandbox/health", headers={"Host": host})

    assert answer.status == 200


def test_own_origin_is_let_in(sandbox):
    headers = {"Origin": sandbox.root_url}

    assert call(sandbox, "GET", "/_sandbox/health", headers=headers).status == 200


def test_missing_host_is_forbidden(sandbox):
    answer, _ = raw(sandbox, b"GET /_sandbox/health HTTP/1.0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403 ")


def test_form_posts_are_refused(sandbox):
    headers = {"Content-Type": "text/plain"}

    answer = call(sandbox, "POST", "/_sandbox/reset", b"{}", headers=headers)

    assert answer.status == 415


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "nothing", b"{}", 404),
        ("DELETE", "nothing", None, 404),
        ("DELETE", "webhooks/whk_none", None, 404),
        ("PUT", "settings", b"{}", 405),
        ("POST", "settings", b"[]", 400),
        ("POST", "settings", b"{", 400),
        ("POST", "settings", b'{"latency": -1}', 400),
        ("GET", "calls?since=x", None, 400),
        ("GET", "clients?workspace=none", None, 404),
        ("POST", "workspaces", b'{"name": ""}', 400),
        ("POST", "workspaces", b'{"name": "A", "colour": 1}', 400),
        ("POST", "workspaces", b'{"name": "A", "digits": 0}', 400),
        ("POST", "workspaces", b'{"name": "A", "keys": "k"}', 400),
        ("POST", "workspaces", b'{"name": "A", "keys": [" k"]}', 400),
        ("POST", "workspaces", b'{"name": "A", "custom_fields": []}', 400),
        ("POST", "keys", b'{"workspace": "none", "key": "k"}', 404),
        ("POST", "keys", b'{"workspace": "Test", "key": ""}', 400),
        ("POST", "keys", b'{"workspace": "Test", "key": "k", "rights": ["x"]}', 400),
        ("POST", "keys/revoke", b'{"key": "never"}', 404),
        ("POST", "clients", b'{"workspace": "Test", "client": {}}', 400),
        (
            "POST",
            "clients",
            b'{"workspace":"Test","client":{"name":"A"},"created_at":"noon"}',
            400,
        ),
    ],
)
def test_senseless_call_is_refused_in_words(sandbox, method, path, body, status):
    headers = JSON if body is not None else {}

    answer = call(sandbox, method, f"/_sandbox/{path}", body, headers=headers)

    assert answer.status == status
    assert answer.json["message"]


def test_control_error_carries_the_words(control):
    with pytest.raises(ControlError, match="404: There is no workspace 'Nowhere'"):
        control.add_key("Nowhere", OTHER)


def test_workspace_is_made_and_changed_by_name(control):
    made = control.add_workspace("Harbour", prefix="H", digits=2, keys=[OTHER])
    changed = control.add_workspace("Harbour", unique_names=True)

    assert made["id"] == changed["id"]
    assert (changed["prefix"], changed["digits"]) == ("H", 2)
    assert (made["unique_names"], changed["unique_names"]) == (False, True)
    assert [one["name"] for one in control.workspaces()] == ["Test", "Harbour"]


def test_keys_are_never_shown_whole(sandbox, control):
    control.add_workspace("Harbour", keys=[{"key": OTHER, "rights": ["read"]}])
    create(sandbox, {"name": "A"})

    shown = json.dumps([control.workspaces(), control.calls(), control.faults()])

    assert OTHER not in shown
    assert KEY not in shown
    assert control.workspaces()[1]["keys"] == [
        {"tail": "0002", "rights": ["read"], "revoked": False}
    ]


def test_revoked_key_works_again_when_added(sandbox, control):
    control.revoke_key(KEY)
    control.add_key("Test", KEY)

    assert create(sandbox, {"name": "A"}).status == 200


def test_settings_are_shown_after_a_change(control):
    shown = control.set(latency=0.01, rate="5/10")

    assert shown == control.call("GET", "settings")
    assert (shown["latency"], shown["rate"]) == (0.01, "5/10")


def test_changing_the_rate_gives_a_fresh_budget(sandbox, control):
    control.set(rate="1/60")
    create(sandbox, {"name": "A"})
    control.set(rate="2/60")

    seen = [create(sandbox, {"name": "A"}).status for _ in range(3)]

    assert seen == [200, 200, 429]


def test_client_made_by_a_person_has_the_moment_asked_for(sandbox, control):
    moment = "2026-01-02T03:04:05+00:00"
    create(sandbox, {"name": "Now"})

    made = control.add_client("Test", {"name": "Then"}, created_at=moment)
    listed = call(sandbox, "GET", "/api/v1/clients").json["items"]

    assert made["number"] == "CLT-00002"
    assert [one["name"] for one in listed] == ["Now", "Then"]
    assert listed[1]["createdAt"] == "2026-01-02T03:04:05.000Z"


def test_clients_can_be_listed_per_workspace(sandbox, control):
    control.add_workspace("Harbour", keys=[OTHER])
    create(sandbox, {"name": "A"})
    create(sandbox, {"name": "A"})
    create(sandbox, {"name": "B"}, key=OTHER)

    assert control.creates_per_name("Test") == {"A": 2}
    assert [one["workspace"] for one in control.clients("Harbour")] == ["Harbour"]
    assert len(control.clients()) == 3


def test_calls_can_be_read_from_a_point_on(sandbox, control):
    create(sandbox, {"name": "A"})
    last = control.calls()[-1]["seq"]
    create(sandbox, {"name": "B"})

    assert [one["seq"] for one in control.calls(since=last)] == [last + 1]
    assert len(control.calls("Test")) == 2
    control.clear_calls()
    assert control.calls() == []


def test_reset_keeps_workspaces_and_keys(sandbox, control):
    control.add_workspace("Harbour", keys=[OTHER])
    create(sandbox, {"name": "A"})
    control.push_fault("unavailable")

    control.reset()

    assert control.clients() == []
    assert control.calls() == []
    assert create(sandbox, {"name": "B"}, key=OTHER).json["number"] == "CLT-00001"


def test_reset_with_workspaces_goes_back_to_the_start(sandbox, control):
    control.add_workspace("Harbour", keys=[OTHER])

    control.reset(workspaces=True)

    assert [one["name"] for one in control.workspaces()] == ["Test"]
    assert create(sandbox, {"name": "A"}, key=OTHER).status == 401
    assert create(sandbox, {"name": "A"}).status == 200
