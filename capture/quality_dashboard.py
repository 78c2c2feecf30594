"""*Data quality*: what the events that arrive are like. A bounded number of bounded queries."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest

from capture import notices, quality
from capture.models import Watermark


@dataclass(frozen=True)
class Headline:
    """The dashboard in one line."""

    state: str
    sentence: str


class DataQuality:
    """The page; there is nothing to press on it."""

    title = "Data quality"
    slug = "data-quality"
    permission = "capture.view_event"
    template_name = "capture/data_quality.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "now": now,
            "notices": notices.sentences(),
            "is_counted": Watermark.objects.exists(),
            "volumes": (volumes := quality.volumes(now)),
            "repeats": quality.repeats(now, volumes.total),
            "reasons": quality.reasons(now),
            "types": quality.fields(now),
            "channels": quality.lateness(now),
            "sample": quality.SAMPLE,
            "enough": quality.ENOUGH,
        }

    def headline(self, request: HttpRequest) -> Headline:
        now = datetime.now(UTC)
        volumes = quality.volumes(now)
        if noticed := notices.sentences():
            return Headline("degraded", noticed[0])
        if odd := [one for one in volumes.types if one.day.is_odd]:
            day = odd[0].day
            said = f"{named(odd[0])} events: {day.now:,} in 24 hours, {day.before:,.0f} a week before"
            return Headline("degraded", said)
        if not volumes.total.day.now and not volumes.total.hour.now:
            return Headline("unknown", "No events in the last 24 hours")
        captured = f"{volumes.total.day.now + volumes.total.hour.now:,} events in 24 hours"
        return Headline("healthy", f"{captured}, {refusals(now)}")


def refusals(now: datetime) -> str:
    total = quality.refused(now).aggregate(total=Sum("count"))["total"] or 0
    return f"{total:,} fault{'' if total == 1 else 's'} found at the door" if total else "none refused"


def named(one: quality.TypeVolume) -> str:
    return one.event_type.replace("_", " ").capitalize()
