"""QR codes as SVG: always black on white, with the quiet zone that readers need."""

from __future__ import annotations

import io

import segno

QUIET = 4
"""Modules of white around the code, by ISO/IEC 18004."""


def svg(address: str, *, title: str = "", inline: bool = True) -> str:
    """Return the QR code of an address, error level M, as an SVG element.

    `title` is its text alternative. Not `inline`: a file of its own that opens anywhere.
    """
    target = io.BytesIO()
    segno.make_qr(address, error="m", boost_error=False).save(
        target,
        kind="svg",
        border=QUIET,
        scale=1 if inline else 8,
        dark="#000",
        light="#fff",
        title=title or None,
        xmldecl=not inline,
        svgns=not inline,
        omitsize=inline,
        svgclass="qr",
        lineclass=None,
        nl=False,
    )
    code = target.getvalue().decode()
    return (
        code.replace("<svg ", '<svg role="img" shape-rendering="crispEdges" ', 1)
        if inline
        else code
    )
