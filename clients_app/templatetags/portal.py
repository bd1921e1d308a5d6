"""Tags that the pages of an organisation share."""

from __future__ import annotations

from django import template
from django.conf import settings

from clients_app.models import Membership
from clients_app.notices import banner

register = template.Library()


@register.inclusion_tag("_components/notices.html")
def notices_of(member: Membership) -> dict[str, object]:
    """Show what stands in the way of this member's organisation now."""
    return {"member": member, "notices": banner.notices_for(member)}


@register.simple_tag
def version() -> str:
    """Return which version of the portal this is, such as "0.2.0"."""
    return str(settings.VERSION)
