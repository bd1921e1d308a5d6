"""Any colour becomes one that can be read, in light and in dark."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients_app.signup import colours
from clients_app.signup.colours import BLACK, ENOUGH, WHITE, contrast

any_colour = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrast_is_that_of_the_standard():
    assert contrast(BLACK, WHITE) == contrast(WHITE, BLACK) == 21
    assert contrast("#777777", WHITE) == pytest.approx(4.478, abs=0.001)
    assert contrast("#767676", WHITE) == pytest.approx(4.542, abs=0.001)


@pytest.mark.parametrize(
    ("typed", "colour"),
    [("#0A5E86", "#0a5e86"), (" 0a5 ", "#00aa55"), ("#ABC", "#aabbcc")],
)
def test_parse_takes_what_people_type(typed, colour):
    assert colours.parse(typed) == colour


@pytest.mark.parametrize(
    "typed", ["", "#", "red", "#12", "#12345", "#1234567", "#gggggg", "#٠٠٠", "#000;}"]
)
def test_parse_refuses_what_is_no_colour(typed):
    with pytest.raises(colours.BadColour):
        colours.parse(typed)


@given(any_colour)
def test_the_nearest_shade_can_be_read_and_is_the_next(colour):
    shade = colours.nearest_readable(colour)

    assert colours.is_readable(shade)
    if colours.is_readable(colour):
        assert shade == colour
    else:
        assert contrast(shade, WHITE) < ENOUGH + 0.2


def rules(colour):
    """Return what the style sheet sets in light and in dark."""
    found = re.findall(r"(--[a-z-]+):(#[0-9a-f]{6})", colours.stylesheet(colour))
    assert len(found) == 8
    return dict(found[:4]), dict(found[4:])


@given(any_colour)
def test_everything_the_style_sheet_sets_can_be_read(colour):
    for tokens, grounds, text in (
        (rules(colour)[0], [WHITE], "#14202b"),
        (rules(colour)[1], ["#17202a", "#1f2a36", "#0f161d"], "#e9eff5"),
    ):
        ink = tokens["--on-accent"]
        accent, strong, soft = (
            tokens[name] for name in ("--accent", "--accent-strong", "--soft")
        )
        pairs = [(ink, accent), (ink, strong), (strong, soft), (text, soft)]
        pairs += [(one, ground) for one in (accent, strong) for ground in grounds]
        for one, other in pairs:
            assert contrast(one, other) >= ENOUGH, (tokens, one, other)


def test_a_colour_that_can_be_read_stays_as_it_is():
    assert rules("#7a1fa2")[0]["--accent"] == "#7a1fa2"
