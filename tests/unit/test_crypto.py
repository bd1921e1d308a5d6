"""The key ring: what opens, what must not, and what an error may say."""

import base64
import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients_app.crypto import (
    KeyRing,
    KeyRingError,
    SealError,
    Secret,
    kid_of,
    new_entry,
)

pytestmark = pytest.mark.once
KEY = "heffl_user_0123456789abcdef9f3c"
PLACE = {"purpose": "api_key", "organisation": "1", "row": "a"}


def entry(kid, fill):
    return f"{kid}:{base64.b64encode(bytes([fill]) * 32).decode()}"


def ring(*kids):
    return KeyRing.parse(
        ",".join(entry(kid, place) for place, kid in enumerate(kids, 1))
    )


OLD, NEW = entry("2026a", 1), entry("2026b", 2)


def test_open_returns_what_was_sealed():
    token = ring("a").seal(Secret(KEY), **PLACE)

    assert ring("a").open(token, **PLACE).reveal() == KEY
    assert token.startswith("v1.a.")
    assert KEY not in token


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_open_returns_any_text_that_was_sealed(value):
    keys = ring("a")

    assert keys.open(keys.seal(Secret(value), **PLACE), **PLACE).reveal() == value


def test_seal_never_gives_the_same_token_twice():
    keys = ring("a")

    assert keys.seal(Secret(KEY), **PLACE) != keys.seal(Secret(KEY), **PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [{"organisation": "2"}, {"row": "b"}, {"purpose": "mfa"}],
    ids=["organisation", "row", "purpose"],
)
def test_open_elsewhere_fails(elsewhere):
    token = ring("a").seal(Secret(KEY), **PLACE)

    with pytest.raises(SealError):
        ring("a").open(token, **(PLACE | elsewhere))


def test_open_tells_apart_places_whose_parts_run_together():
    keys = ring("a")
    token = keys.seal(Secret(KEY), purpose="api_key", organisation="12", row="3")

    with pytest.raises(SealError):
        keys.open(token, purpose="api_key", organisation="1", row="23")


def test_open_with_another_key_under_the_same_id_fails():
    token = ring("a").seal(Secret(KEY), **PLACE)

    with pytest.raises(SealError, match="'a' does not open"):
        KeyRing.parse(entry("a", 9)).open(token, **PLACE)


def test_open_of_a_relabelled_token_fails():
    keys = ring("a", "b")
    token = keys.seal(Secret(KEY), **PLACE).replace("v1.a.", "v1.b.")

    with pytest.raises(SealError):
        keys.open(token, **PLACE)


def test_open_of_a_relabelled_token_fails_even_under_the_same_master_key():
    token = KeyRing.parse(entry("a", 1)).seal(Secret(KEY), **PLACE)

    with pytest.raises(SealError):
        KeyRing.parse(entry("b", 1)).open(token.replace("v1.a.", "v1.b."), **PLACE)


def test_open_without_the_key_names_its_id():
    token = ring("a").seal(Secret(KEY), **PLACE)

    with pytest.raises(SealError, match="no key 'a'"):
        ring("b").open(token, **PLACE)


def test_open_of_a_token_with_any_changed_character_fails():
    keys = ring("a")
    token = keys.seal(Secret(KEY), **PLACE)

    for place in range(len(token)):
        changed = "A" if token[place] != "A" else "B"
        with pytest.raises(SealError):
            keys.open(token[:place] + changed + token[place + 1 :], **PLACE)


def test_open_of_a_shortened_token_fails():
    keys = ring("a")
    token = keys.seal(Secret(KEY), **PLACE)

    for length in range(len(token)):
        with pytest.raises(SealError):
            keys.open(token[:length], **PLACE)


@given(st.text(max_size=120))
def test_open_of_anything_else_fails(token):
    with pytest.raises(SealError):
        ring("a").open(token, **PLACE)


@pytest.mark.parametrize("spelling", ["=", "==", "\n", " "])
def test_open_of_another_spelling_of_the_same_bytes_fails(spelling):
    keys = ring("a")
    token = keys.seal(Secret(KEY), **PLACE)

    with pytest.raises(SealError):
        keys.open(token + spelling, **PLACE)


def test_seal_uses_the_first_key_and_open_any():
    old, both = KeyRing.parse(OLD), KeyRing.parse(f"{NEW},{OLD}")
    token = old.seal(Secret(KEY), **PLACE)

    assert both.open(token, **PLACE).reveal() == KEY
    assert kid_of(both.seal(Secret(KEY), **PLACE)) == "2026b"


def test_seal_error_holds_neither_key_nor_value():
    keys = ring("a")
    token = keys.seal(Secret(KEY), **PLACE)

    with pytest.raises(SealError) as caught:
        keys.open(token, **(PLACE | {"row": "b"}))

    trace = caught.tb
    shown = str(caught.value)
    while trace:
        if "/clients_app/" in trace.tb_frame.f_code.co_filename:
            shown += repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    assert KEY not in shown
    assert repr(keys.keys["a"])[2:-1] not in shown


def test_parse_accepts_line_breaks_blanks_and_the_url_alphabet():
    urlsafe = base64.urlsafe_b64encode(b"\xfb\xff" * 16).decode().rstrip("=")

    keys = KeyRing.parse(f"\n {NEW},\n{OLD}\nc: {urlsafe}\n")

    assert list(keys.keys) == ["2026b", "2026a", "c"]
    assert keys.sealing_kid == "2026b"


SHORT = base64.b64encode(b"q" * 24).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "PORTAL_KEYRING is empty"),
        (" ,\n", "PORTAL_KEYRING is empty"),
        (f"2026a:{SHORT}", "key '2026a' is 24 bytes, must be 32"),
        (f"{OLD},{OLD}", "key '2026a' stands there twice"),
        (f"{OLD},{entry('2026b', 1)}", "keys '2026a' and '2026b' are the same key"),
        ("2026a:not base64!", "key '2026a' is not base64"),
        (SHORT, "entry 1 does not look like id:base64"),
        (f"{OLD},:{SHORT}", "entry 2 does not look like id:base64"),
        (f"a b:{SHORT}", "entry 1 does not look like id:base64"),
        (f"{'k' * 33}:{SHORT}", "entry 1 does not look like id:base64"),
    ],
)
def test_parse_of_a_bad_ring_names_the_id_and_not_the_value(text, words):
    with pytest.raises(KeyRingError) as caught:
        KeyRing.parse(text)

    assert words in str(caught.value)
    assert SHORT not in str(caught.value)
    assert "not base64!" not in str(caught.value)


def test_new_entry_makes_a_ring():
    keys = KeyRing.parse(new_entry("2026c"))

    assert keys.sealing_kid == "2026c"
    assert new_entry("2026c") != new_entry("2026c")


def test_new_entry_with_a_bad_id_is_refused():
    with pytest.raises(KeyRingError, match="1 to 32"):
        new_entry("a:b")


def test_fingerprint_depends_on_the_value_and_the_first_key():
    keys = ring("a", "b")

    assert keys.fingerprint(Secret(KEY)) == keys.fingerprint(Secret(KEY))
    assert keys.fingerprint(Secret(KEY)) != keys.fingerprint(Secret(KEY + "x"))
    assert keys.fingerprint(Secret(KEY)) == ring("a").fingerprint(Secret(KEY))
    marks = keys.fingerprints(Secret(KEY))
    assert list(marks) == ["a", "b"]
    assert marks["a"] != marks["b"]


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, "{:>40}".format, "%s".__mod__, "%r".__mod__, ascii],
)
def test_secret_never_shows_its_value(show):
    assert KEY not in show(Secret(KEY))
    assert "***" in show(Secret(KEY))


@pytest.mark.parametrize(
    "carry", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars, dict]
)
def test_secret_cannot_be_carried_off(carry):
    with pytest.raises(TypeError):
        carry(Secret(KEY))


def test_key_ring_shows_ids_only_and_is_never_pickled():
    keys = ring("a", "b")

    assert repr(keys) == str(keys) == "KeyRing(a, b)"
    with pytest.raises(TypeError):
        pickle.dumps(keys)
