"""Who may be this client already? Look-ups over this portal's own history.

`likely_matches()` reads a few entries of one index per question and costs the same at any
size. The marks it reads are written with each submission, in the same transaction:
`remember()` for one, `keys_for()` for many at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from clients_app.models import ClientKey, Organisation, Status, Submission
from clients_app.questions.matching import client_keys
from clients_app.questions.phones import e164

NEWEST = 50
"""So many of the newest clients under each mark are looked at."""
WEIGHT = {"tax_number": 8, "email": 4, "phone": 4, "name": 3}
CLOSED = (Status.REJECTED, Status.DROPPED)


@dataclass(frozen=True)
class Match:
    """A client that may be the same one, and by what: the likeliest comes first.

    `reasons` are of "tax_number", "email", "phone" and "name".
    """

    submission: Submission
    reasons: tuple[str, ...]

    @property
    def weight(self) -> int:
        """Return how much speaks for it: the sum of its reasons in `WEIGHT`."""
        return sum(WEIGHT[reason] for reason in self.reasons)


def likely_matches(
    organisation: Organisation,
    type: str,  # noqa: A002 - the field is called so
    name: str = "",
    email: str = "",
    phone: str = "",
    tax_number: str = "",
    *,
    first_name: str = "",
    last_name: str = "",
    exclude: int | None = None,
    limit: int = 5,
) -> list[Match]:
    """Return clients of the organisation that this may be, the likeliest first.

    Takes what was typed, cleaned or not; a phone without a country code belongs to the
    organisation's country. `exclude` is the id of the submission that is asked about.
    Closed ones are left out. At most six queries, whatever the size of the history.
    """
    answers = {
        "name": name,
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
        "phone": e164(phone, organisation.country) or phone if phone else "",
        "tax_number": tax_number,
    }
    reasons: dict[int, list[str]] = {}
    for key, kind in client_keys(type, answers).items():
        marks = ClientKey.objects.filter(organisation=organisation, key=key)
        ids = marks.order_by("-submission_id").values_list("submission_id", flat=True)
        for pk in ids[:NEWEST]:
            if kind not in reasons.setdefault(pk, []):
                reasons[pk].append(kind)
    reasons.pop(exclude or 0, None)
    if not reasons:
        return []
    rows = organisation.submissions.defer("search_text", "candidates")
    still_open = rows.filter(pk__in=list(reasons)).exclude(status__in=CLOSED)
    matches = [Match(row, tuple(reasons[row.pk])) for row in still_open]
    matches.sort(key=_order)
    return matches[:limit]


def _order(match: Match) -> tuple[int, bool, int]:
    created = match.submission.status == Status.CREATED
    return -match.weight, not created, -match.submission.pk


def matches_of(submission: Submission, limit: int = 5) -> list[Match]:
    """Return clients that a stored submission may be, the likeliest first."""
    wanted = ("name", "first_name", "last_name", "email", "phone", "tax_number")
    answers = {name: str(submission.answers.get(name) or "") for name in wanted}
    return likely_matches(
        submission.organisation,
        submission.type,
        exclude=submission.pk,
        limit=limit,
        **answers,
    )


def newest_alike(submissions: Sequence[Submission]) -> dict[int, Match]:
    """Return for each of some submissions of one organisation one other that it may be.

    The newest under each mark, the likeliest of those; closed ones do not count. Two
    queries for all of them together, for a line in a list.
    """
    asked = [
        (key, row.pk, kind)
        for row in submissions
        for key, kind in client_keys(row.type, row.answers).items()
    ]
    if not asked:
        return {}
    organisation = submissions[0].organisation_id
    table = connection.ops.quote_name(ClientKey._meta.db_table)
    sql = (
        "WITH asked(at, key, own) AS (VALUES {rows}) "  # noqa: S608
        f"SELECT (SELECT submission_id FROM {table} AS k WHERE k.organisation_id = %s"
        " AND k.key = asked.key AND k.submission_id <> asked.own"
        " ORDER BY k.submission_id DESC LIMIT 1)"
        " FROM asked ORDER BY at"
    )
    # Whole numbers of our own making need no parameters.
    rows = ", ".join(f"({at}, {key}, {own})" for at, (key, own, _) in enumerate(asked))
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("{rows}", rows), [organisation])
        others = [other for (other,) in cursor.fetchall()]
    reasons: dict[tuple[int, int], list[str]] = {}
    for (_key, own, kind), other in zip(asked, others, strict=True):
        if other is not None and kind not in reasons.setdefault((own, other), []):
            reasons[own, other].append(kind)
    found = Submission.objects.exclude(status__in=CLOSED).in_bulk(
        {other for _own, other in reasons}
    )
    best: dict[int, Match] = {}
    for (own, other), why in reasons.items():
        if other in found:
            match = Match(found[other], tuple(why))
            if own not in best or _order(match) < _order(best[own]):
                best[own] = match
    return best


def keys_for(submission: Submission) -> list[ClientKey]:
    """Return the marks of a stored submission, unsaved, for bulk_create()."""
    return [
        ClientKey(
            organisation_id=submission.organisation_id, key=key, submission=submission
        )
        for key in client_keys(submission.type, submission.answers)
    ]


def remember(submissions: Iterable[Submission]) -> None:
    """Store the marks of submissions that have none yet, within the caller's transaction."""
    ClientKey.objects.bulk_create(
        [key for submission in submissions for key in keys_for(submission)],
        ignore_conflicts=True,
    )


def remember_anew(submission: Submission) -> None:
    """Replace the marks of a submission whose answers have changed, as remember() does."""
    forget([submission.pk])
    remember([submission])


def forget(ids: Iterable[int]) -> None:
    """Remove the marks of submissions whose answers were erased."""
    ClientKey.objects.filter(submission__in=list(ids)).delete()
