"""The form that opens a look-up from a page that shows something of a person."""

from typing import Any

from django import template

from leafloaf.staff.people.dashboard import MAY_LOOK_UP
from leafloaf.staff.people.forms import LookupForm

register = template.Library()


@register.inclusion_tag("people/open_form.html", takes_context=True)
def open_lookup(context: template.Context, event: int) -> dict[str, Any]:
    """`{% open_lookup event.pk %}`: asks why, and comes back to this very page with the person's look-up open."""
    request = context["request"]
    return {
        "event": event,
        "next": request.get_full_path(),
        "may_look_up": request.user.has_perm(MAY_LOOK_UP),
        "form": LookupForm(),
        "csrf_token": context.get("csrf_token", ""),
    }
