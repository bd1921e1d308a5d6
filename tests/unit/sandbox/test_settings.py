"""Settings are taken whole or not at all."""

import pytest

from heffl_sandbox.settings import BadSetting, Rate, Settings, parse_rate


def test_parse_rate_reads_calls_and_seconds():
    assert parse_rate("60/60") == Rate(60, 60.0)
    assert parse_rate("5/0.5") == Rate(5, 0.5)


@pytest.mark.parametrize("text", [None, "", "off"])
def test_parse_rate_reads_no_limit(text):
    assert parse_rate(text) is None


@pytest.mark.parametrize(
    "text", ["60", "0/60", "60/0", "a/b", "60/inf", "60/nan", "1/2/3", 60, "-1/5"]
)
def test_parse_rate_refuses(text):
    with pytest.raises(BadSetting):
        parse_rate(text)


@pytest.mark.parametrize(
    "wanted",
    [
        {"latency": -1},
        {"latency": "1"},
        {"latency": True},
        {"latency": float("nan")},
        {"list_lag": 10_000},
        {"retry_after": 1},
        {"window": "open"},
        {"error_shape": "v3"},
        {"conflict_status": 500},
        {"conflict_status": True},
        {"colour": "red"},
    ],
)
def test_change_refuses_and_changes_nothing(wanted):
    settings = Settings()

    with pytest.raises(BadSetting):
        settings.change({"extra_keys": True, **wanted})

    assert settings == Settings()


def test_change_shows_in_as_json():
    settings = Settings()

    settings.change({"latency": 0.5, "rate": "5/10", "window": "fixed"})

    shown = settings.as_json()
    assert (shown["latency"], shown["rate"], shown["window"]) == (0.5, "5/10", "fixed")
    settings.change({"rate": None})
    assert settings.as_json()["rate"] is None
