"""How much waits for a person, beside "Review" in the bar."""

from __future__ import annotations

from django import template

from clients_app.models import Membership, Role
from clients_app.review import queue

register = template.Library()


@register.simple_tag
def review_count(member: Membership) -> str | None:
    """Return how many clients wait for a decision; None for who may not decide."""
    if not member.has_role(Role.REVIEWER):
        return None
    count = queue.waiting_for_a_person(member.organisation)
    return f"{queue.COUNT_CAP}+" if count > queue.COUNT_CAP else str(count)
