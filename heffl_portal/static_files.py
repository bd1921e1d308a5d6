"""Static files as they are served: our own minified, all hashed and compressed.

Sources are for people, and every page pays for what only people need: this is all the
building there is, the same on every machine (docs/adr/0038). What is served means what the
source says, rule by rule and statement by statement. Files in a folder of their own, as
those of others in vendor/, are served as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import rcssmin
import rjsmin
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Strings and addresses are matched first, so that what follows does not reach into them.
_FORMATTED = re.compile(
    r"""("[^"\n]*"|'[^'\n]*'|url\([^()]*\))|(?<=[\s:,(/])0(?=\.\d)|(?<!\s)\s*(/)\s*"""
)


def lean_script(text: str) -> str:
    """Return a script without comments and without blanks that mean nothing.

    A regular expression right after an arrow is taken for a division: its blanks and quotes
    would be lost, so there must be none (tests/unit/test_static_files.py).
    """
    return str(rjsmin.jsmin(text))


def lean_style(text: str) -> str:
    """Return a stylesheet without comments and without blanks that mean nothing.

    Blanks around a slash and zeros before a point, which the formatter wants and rcssmin
    leaves, go too.
    """
    return _FORMATTED.sub(
        lambda found: found[1] or found[2] or "", str(rcssmin.cssmin(text))
    )


class LeanStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage, fed with lean copies of the files at the top of static/."""

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[Any]:
        """Thin out our own files, then hash and compress all of them."""
        if not dry_run:
            self._thin_out(paths)
        yield from super().post_process(paths, dry_run, **options)

    def _thin_out(self, paths: dict[str, Any]) -> None:
        own = [name for name in paths if "/" not in name]
        for name in own:
            if name.endswith(".js"):
                lean = lean_script
            elif name.endswith(".css"):
                lean = lean_style
            else:
                continue
            # Read where it was collected from: what lies here may be lean already.
            storage, path = paths[name]
            with storage.open(path) as source:
                text = lean(source.read().decode())
            self.delete(name)
            self._save(name, ContentFile(text.encode()))
            paths[name] = (self, name)
