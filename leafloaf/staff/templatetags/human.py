"""Numbers and moments as people read them."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

from leafloaf.staff import human

register = template.Library()


@register.filter
def duration(value: float | timedelta | None) -> str:
    """Seconds or a `timedelta`: `3 min 20 s`."""
    if value is None:
        return "–"
    return human.duration(value.total_seconds() if isinstance(value, timedelta) else value)


@register.filter
def number(value: float | None) -> str:
    return "–" if value is None else human.number(value)


@register.filter
def ago(moment: datetime) -> str:
    """`12 s ago`, or `in 4 min` for what is to come."""
    seconds = (timezone.now() - moment).total_seconds()
    return f"in {human.duration(-seconds)}" if seconds < -0.5 else f"{human.age(seconds)} ago"
