"""Static files as they are served: our own without comments and blanks, hashed, compressed.

Nobody reads a comment on the way to a browser, and every page pays for it. This is all the
building there is: what is served says what the source says, rule by rule, line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

_BLOCK = re.compile(r"/\*.*?\*/", re.S)
# Strings and addresses are matched first, so that what follows does not reach into them.
_STYLE_BLANKS = re.compile(
    r"""("[^"\n]*"|'[^'\n]*'|url\([^)]*\))|\s*([{},])\s*|\s*;\s*(?:(})\s*)?|(:)\s+"""
)


def lean(text: str) -> str:
    """Return one of our scripts or stylesheets without comments, indents and empty lines.

    A script's comments stand on lines of their own, a stylesheet's between /* and */.
    """
    lines = (line.strip() for line in _BLOCK.sub("", text).split("\n"))
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def lean_style(text: str) -> str:
    """Return one of our stylesheets without comments and without blanks that mean nothing.

    A blank before a colon stays: `p :hover` is not `p:hover`.
    """

    def kept(match: re.Match[str]) -> str:
        held, mark, end, colon = match.groups()
        return held or mark or end or colon or ";"

    return _STYLE_BLANKS.sub(kept, lean(text))


class LeanStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage, fed with lean copies of the files at the top of static/."""

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[Any]:
        """Thin out our own files, then hash and compress all of them."""
        for name in [] if dry_run else list(paths):
            if "/" not in name and name.endswith((".js", ".css")):
                with self.open(name) as collected:
                    text = collected.read().decode()
                self.delete(name)
                short = lean_style(text) if name.endswith(".css") else lean(text)
                self._save(name, ContentFile(short.encode()))
                paths[name] = (self, name)
        yield from super().post_process(paths, dry_run, **options)
