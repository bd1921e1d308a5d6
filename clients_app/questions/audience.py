"""For whom the client form is drawn, and the fresh pages that are kept for each."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from django.utils.safestring import SafeString

from clients_app.questions.answers import COUNTRY
from clients_app.questions.fields import QUESTIONS, Question

_ADDRESS = frozenset(spec.name for spec in QUESTIONS if spec.group == "address")


@dataclass(frozen=True, slots=True)
class Audience:
    """Who fills the form in: staff, unless it is `public`.

    On a `shared` device a browser offers nobody else's details. What is named in `without`
    is not asked, but for what a type requires, and the country with any of its address.
    """

    public: bool = False
    shared: bool = False
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.without >= _ADDRESS:
            object.__setattr__(self, "without", self.without - {COUNTRY})

    def asks(self, spec: Question) -> bool:
        """Say whether a question is on this audience's page."""
        left_out = spec.name in self.without and not spec.required_for
        return bool(spec.allowed_for) and not left_out


STAFF = Audience()


class FreshPages:
    """The HTML of fresh forms, by all that it depends on; the oldest go.

    Threads may share it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._pages: OrderedDict[object, SafeString] = OrderedDict()

    def get(self, key: object) -> SafeString | None:
        """Return the page that was kept under a key; None when it was not, or had to go."""
        with self._lock:
            return self._pages.get(key)

    def keep(self, key: object, page: SafeString) -> SafeString:
        """Keep a page, and return it."""
        with self._lock:
            self._pages[key] = page
            while len(self._pages) > self._most:
                self._pages.popitem(last=False)
        return page
