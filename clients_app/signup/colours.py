"""An organisation's colour, made fit to read: contrast, the nearest shade, the stylesheet.

Pure functions over `#rrggbb`. Contrast is that of WCAG 2.2, success criterion 1.4.3.
"""

from __future__ import annotations

import re

ENOUGH = 4.5
"""The least contrast of text, by WCAG 2.2 level AA."""
DEFAULT = "#0a5e86"
WHITE, BLACK = "#ffffff", "#000000"
_DARK_SURFACE, _DARK_RAISE, _DARK_INK = "#17202a", "#1f2a36", "#06121a"
_COLOUR = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.ASCII)


class BadColour(ValueError):
    """The text names no colour."""


def parse(text: str) -> str:
    """Return a typed colour (`#0A5`, `0a5e86`) as `#rrggbb`. Raises BadColour."""
    text = text.strip()
    found = _COLOUR.fullmatch(text.lower()) if len(text) < 10 else None
    if not found:
        raise BadColour
    digits = found[1]
    return "#" + (digits if len(digits) == 6 else "".join(c * 2 for c in digits))


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Return the relative luminance, 0 for black to 1 for white, as WCAG defines it."""
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 (the same) to 21 (black on white)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(colour: str, other: str, share: float) -> str:
    """Return `colour` with a share (0 to 1) of `other` in it."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _towards(colour: str, end: str, *grounds: str) -> str:
    """Return the first shade on the way to `end` that can be read on all `grounds`."""
    shades = (mix(colour, end, step / 255) for step in range(256))
    return next(
        shade
        for shade in shades
        if all(contrast(shade, ground) >= ENOUGH for ground in grounds)
    )


def is_readable(colour: str) -> bool:
    """Say whether text in this colour can be read on white, and white text on it."""
    return contrast(colour, WHITE) >= ENOUGH


def nearest_readable(colour: str) -> str:
    """Return the colour itself if it can be read, or else the next darker shade that can."""
    return _towards(colour, BLACK, WHITE)


def stylesheet(colour: str) -> str:
    """Return the style sheet that puts a readable colour in the place of ours.

    For dark pages the colour is lightened until it can be read there.
    """
    accent = nearest_readable(colour)
    soft = mix(accent, WHITE, 0.9)
    strong = _towards(mix(accent, BLACK, 0.2), BLACK, WHITE, soft)
    light = _towards(accent, WHITE, _DARK_SURFACE, _DARK_RAISE, _DARK_INK)
    dim = mix(_DARK_SURFACE, light, 0.15)
    bright = _towards(mix(light, WHITE, 0.3), WHITE, _DARK_RAISE, dim)
    return (
        f":root{{{_tokens(accent, strong, WHITE, soft)}}}\n"
        "@media (prefers-color-scheme:dark){"
        f":root{{{_tokens(light, bright, _DARK_INK, dim)}}}}}\n"
    )


def _tokens(accent: str, strong: str, ink: str, soft: str) -> str:
    return f"--accent:{accent};--accent-strong:{strong};--on-accent:{ink};--soft:{soft}"
