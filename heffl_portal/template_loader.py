"""Templates laid out for people, served without the blanks of that layout.

A template is thinned once, when it is compiled, never per request. The rule is that of JSX:

- Each line is trimmed, and empty lines count for nothing.
- A line break between two words is one blank; `{{ … }}` counts as a word.
- A line break beside a tag, `<…>` or `{% … %}`, means nothing.
- A blank inside a line stays. Where one is meant beside a tag at the end of a line,
  `{{ " " }}` says so.
- Inside `<…>` a line break is one blank before the next attribute, or the next word of its
  value, if there is one: also where that stands in an `{% if %}`, and only then.

Left as they are: what is inside `{% blocktranslate %}`, which is the key of its translation,
`{% verbatim %}`, `<pre>`, `<textarea>`, `<script>`, `<style>` and HTML comments, and every
template that is not HTML, such as the text of a mail. Comments of Django's are taken out.

Each character is looked at a bounded number of times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from django.template.base import Origin
from django.template.loaders.filesystem import Loader

# Like Django's own lexer: a tag of Django's does not go over the end of a line. One that
# never ends is looked through no further than to the next of its kind.
_DJANGO = re.compile(
    r"(\{%(?:(?!\{%|%\}).)*%\}"
    r"|\{\{(?:(?!\{\{|\}\}).)*\}\}"
    r"|\{\#(?:(?!\{\#|\#\}).)*\#\})"
)
_BLANK = re.compile(r"""\{\{\s*(?P<quote>["']) (?P=quote)\s*\}\}""")
_TEXT = re.compile(r"\s+|<!--|</?!?[A-Za-z][^\s<>\"']*|[^\s<]+|<")
_TAG = re.compile(r"""\s+|["'>]|<|[^\s"'<>]+""")
_VALUE = re.compile(r"""\s+|["']|[^\s"']+""")

_KEPT = {"comment", "blocktranslate", "blocktrans", "verbatim"}
_FORKS = {"if", "ifchanged", "for", "with"}
_BRANCHES = {"elif", "else", "empty"}
_ENDS = {f"end{name}" for name in _FORKS}
_LEFT_ALONE = {
    f"<{name}": re.compile(f"(?=</{name})", re.IGNORECASE)
    for name in ("pre", "textarea", "script", "style")
}
_END_OF_COMMENT = re.compile("-->")


class LeanLoader(Loader):
    """The loader of files, thinning what ends in `.html`."""

    def get_contents(self, origin: Origin) -> str:
        source = super().get_contents(origin)
        return lean(source) if str(origin.name).endswith(".html") else source


def lean(source: str) -> str:
    """Return this template without the blanks that only its layout needs."""
    thinner = _Thinner()
    pieces = iter(_DJANGO.split(source))
    for text in pieces:
        thinner.text(text)
        tag = next(pieces, "")
        if not tag or tag.startswith("{#"):
            continue
        name = next(iter(tag[2:-2].split()), "")
        if tag.startswith("{{"):
            thinner.value(tag)
        elif name in _KEPT:
            body = "".join(_up_to_the_end(tag, pieces))
            if name != "comment":
                thinner.tag(tag + body, name)
        else:
            thinner.tag(tag, name)
    return thinner.result()


def _up_to_the_end(tag: str, pieces: Iterator[str]) -> Iterator[str]:
    """Yield what follows `{% name … %}`, its `{% endname %}` included."""
    words = tag[2:-2].split()
    ends = [f"end{words[0]}"]
    if words[0] == "verbatim":
        ends += words[1:]
    for piece in pieces:
        yield piece
        if piece.startswith("{%") and piece[2:-2].split() == ends:
            return


class _Last(Enum):
    """What was written last, as far as the next blank depends on it."""

    WORD = 1
    TAG = 2


class _Thinner:
    """Takes a template piece by piece, and keeps the blank before the next one in mind."""

    def __init__(self) -> None:
        self._written: list[str] = []
        self._last = _Last.TAG
        # What stands before the next piece: nothing, blanks, or a line break.
        self._gap = "\n"
        # Inside `<…>`: its name; inside an attribute's value: the quote that ends it.
        self._element = self._quote = ""
        # Inside what is left alone: where it ends.
        self._raw: re.Pattern[str] | None = None
        # The gaps before the `{% if %}`s that are open inside `<…>`.
        self._forks: list[str] = []

    def result(self) -> str:
        return "".join(self._written)

    def text(self, text: str) -> None:
        """Take text of the template between two tags of Django's."""
        at = 0
        while at < len(text):
            if self._raw:
                at = self._left_alone(text, at)
            elif self._quote:
                at = self._in_value(text, at)
            elif self._element:
                at = self._in_element(text, at)
            else:
                at = self._in_text(text, at)

    def value(self, tag: str) -> None:
        """Take `{{ … }}`."""
        if self._raw:
            self._written.append(tag)
        elif _BLANK.fullmatch(tag):
            self._write(" ", _Last.TAG)
        else:
            self._write(tag, _Last.WORD)

    def tag(self, tag: str, name: str) -> None:
        """Take `{% … %}` of that name."""
        if self._raw:
            self._written.append(tag)
        elif self._element:
            self._tag_among_attributes(tag, name)
        else:
            self._write(tag, _Last.TAG)

    def _tag_among_attributes(self, tag: str, name: str) -> None:
        if name in _ENDS or name in _BRANCHES:
            if self._gap != "\n":
                self._written.append(self._gap)
                self._gap = ""
            if self._forks:
                self._gap = self._forks[-1] if name in _BRANCHES else self._forks.pop()
            self._written.append(tag)
        elif name not in _FORKS:
            self._write(tag, _Last.WORD)
        elif self._gap == "\n":
            self._forks.append(self._gap)
            self._written.append(tag)
        else:
            self._forks.append("")
            self._write(tag, _Last.WORD)

    def _write(self, piece: str, kind: _Last) -> None:
        """Write the gap as it is meant between what was and what comes, then the piece."""
        if self._gap == "\n":
            if kind is _Last.WORD and self._last is _Last.WORD:
                self._written.append(" ")
        elif self._gap:
            self._written.append(self._gap)
        self._gap = ""
        self._last = kind
        self._written.append(piece)

    def _widen(self, blanks: str) -> None:
        if "\n" in blanks or self._gap == "\n":
            self._gap = "\n"
        else:
            self._gap += blanks

    def _left_alone(self, text: str, at: int) -> int:
        assert self._raw  # noqa: S101 - the caller has looked
        match = self._raw.search(text, at)
        end = match.end() if match else len(text)
        self._written.append(text[at:end])
        if match:
            self._raw = None
        return end

    def _in_text(self, text: str, at: int) -> int:
        match = _TEXT.match(text, at)
        assert match  # noqa: S101 - the pattern takes any character
        piece = match[0]
        if piece.isspace():
            self._widen(piece)
        elif piece == "<!--":
            self._write(piece, _Last.TAG)
            self._raw = _END_OF_COMMENT
        elif piece.startswith("<") and len(piece) > 1:
            self._write(piece, _Last.TAG)
            self._last = _Last.WORD
            self._element = piece.lower()
        else:
            self._write(piece, _Last.WORD)
        return match.end()

    def _in_element(self, text: str, at: int) -> int:
        match = _TAG.match(text, at)
        assert match  # noqa: S101 - the pattern takes any character
        piece = match[0]
        if piece.isspace():
            self._widen(piece)
        elif piece == ">":
            self._write(piece, _Last.TAG)
            self._raw = _LEFT_ALONE.get(self._element)
            self._element = ""
            self._forks.clear()
        elif piece in ("<", "/"):
            self._write(piece, _Last.TAG)
            self._last = _Last.WORD
        else:
            self._write(piece, _Last.WORD)
            if piece in "\"'":
                self._quote = piece
                self._last = _Last.TAG
        return match.end()

    def _in_value(self, text: str, at: int) -> int:
        match = _VALUE.match(text, at)
        assert match  # noqa: S101 - the pattern takes any character
        piece = match[0]
        if piece.isspace():
            self._widen(piece)
        elif piece == self._quote:
            self._write(piece, _Last.TAG)
            self._quote = ""
            self._last = _Last.WORD
        else:
            self._write(piece, _Last.WORD)
        return match.end()
