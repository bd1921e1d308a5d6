"""The page "What Heffl has"."""

import pytest

from tests.unit.sandbox.conftest import KEY, call, create

EVIL = '"><script>alert(1)</script>'


def _page(sandbox, path="/"):
    answer = call(sandbox, "GET", path, key=None)
    assert answer.status == 200
    return answer.body.decode()


def test_page_shows_what_was_received(sandbox):
    create(sandbox, {"type": "contact", "firstName": "Zoë", "email": "z@b.example"})

    text = _page(sandbox)

    assert "CLT-00001" in text
    assert "Zoë" in text
    assert "&quot;email&quot;: &quot;z@b.example&quot;" in text
    assert "1 client " in text


def test_page_shows_keys_by_their_tail_only(sandbox):
    create(sandbox, {"name": "A"})

    text = _page(sandbox)

    assert KEY not in text
    assert f"…{KEY[-4:]}" in text


def test_page_escapes_everything(sandbox, control):
    control.add_workspace(EVIL, prefix=EVIL, keys=["<script>heffl<i>"])
    control.add_client(EVIL, {"name": EVIL, "cf_x": {EVIL: EVIL}})
    call(sandbox, "GET", "/api/v1/<script>", key=None)

    text = _page(sandbox)

    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_page_has_no_script_and_no_inline_style(sandbox):
    create(sandbox, {"name": "A"})
    answer = call(sandbox, "GET", "/")

    text = answer.body.decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "<script" not in text
    assert " style=" not in text
    assert "<style" not in text


def test_page_pages_by_a_hundred(sandbox, control):
    for number in range(101):
        control.add_client("Test", {"name": f"Firm {number:03}"})

    first, second, beyond = (_page(sandbox, f"/?page={n}") for n in (1, 2, 9))

    assert first.count('class="number"') == 100
    assert "Firm 000" not in first
    assert "Firm 000" in second
    assert 'href="/?page=2"' in first
    assert 'href="/?page=1"' in second
    assert "No clients on this page." in beyond


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999", "²"])
def test_page_with_a_senseless_number_is_the_first(sandbox, number):
    from urllib.parse import quote

    create(sandbox, {"name": "Only firm"})

    assert "Only firm" in _page(sandbox, f"/?page={quote(number)}")


def test_page_lists_calls_and_faults(sandbox, control):
    control.push_fault("unavailable")
    control.push_fault("stall")
    create(sandbox, {"name": "A"})

    text = _page(sandbox)

    assert "POST /api/v1/clients" in text
    assert ">503<" in text
    assert "1 rule waits in the script" in text
    assert "reset_after_body" in text


def test_style_is_css(sandbox):
    answer = call(sandbox, "GET", "/style.css")

    assert answer.headers["content-type"].startswith("text/css")
    assert b"max-width: 640px" in answer.body


@pytest.mark.parametrize("path", ["/", "/style.css"])
def test_page_is_for_this_machine_only(sandbox, path):
    answer = call(sandbox, "GET", path, headers={"Host": "heffl.example"})

    assert answer.status == 403


def test_page_refuses_other_methods_and_paths(sandbox):
    assert call(sandbox, "POST", "/", b"").status == 405
    assert call(sandbox, "GET", "/favicon.ico").status == 404
