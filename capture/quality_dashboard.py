"""*Data quality*: what the events that arrive are like. A bounded number of bounded queries."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import reverse

from capture import notices, problems, quality
from capture.models import RejectionCount, Watermark
from capture.once import once
from leafloaf.lib.headlines import Headline, Problem


class DataQuality:
    """The page; there is nothing to press on it."""

    title = "Data quality"
    slug = "data-quality"
    permission = "capture.view_volume"
    template_name = "capture/data_quality.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "now": now,
            "notices": once(request, notices.current),
            "is_counted": Watermark.objects.exists(),
            "volumes": (volumes := once(request, current_volumes)),
            "repeats": quality.repeats(now, volumes.total),
            "reasons": quality.reasons(now),
            "types": quality.fields(now),
            "channels": quality.lateness(now),
            "sample": quality.SAMPLE,
            "enough": quality.ENOUGH,
            "hour": (hour := now.replace(minute=0, second=0, microsecond=0)),
            "yesterday": hour - quality.DAY,
        }

    def headline(self, request: HttpRequest) -> Headline:
        now = datetime.now(UTC)
        volumes = once(request, current_volumes)
        if noticed := once(request, notices.current):
            return Headline("degraded", noticed[0].sentence)
        if strange := [one for one in volumes.types if one.day.is_odd]:
            return Headline("degraded", odd(strange[0]))
        if not volumes.total.day.now and not volumes.total.hour.now:
            return Headline("unknown", "No events in the last 24 hours")
        captured = f"{volumes.total.day.now + volumes.total.hour.now:,} events in 24 hours"
        return Headline("healthy", f"{captured}, {refusals(now)}")

    def problems(self, request: HttpRequest) -> Sequence[Problem]:
        here = reverse("admin:dashboard", args=[self.slug])
        found = problems.of_quality(once(request, notices.current), here)
        for one in once(request, current_volumes).types:
            if one.day.is_odd:
                said = f"{odd(one)}."
                found.append(Problem("degraded", said, None, "See the volumes", f"{here}#volumes"))
        if refused := conflicts(datetime.now(UTC)):
            said = (
                f"{refused:,} event{pluralize(refused)} refused in 24 hours, for their id is another event’s."
            )
            found.append(Problem("degraded", said, None, "See what is sent again", f"{here}#repeats"))
        return found


def current_volumes() -> quality.Volumes:
    return quality.volumes(datetime.now(UTC))


def odd(one: quality.TypeVolume) -> str:
    return f"{named(one)} events: {one.day.now:,} in 24 hours, {one.day.before:,.0f} a week before"


def conflicts(now: datetime) -> int:
    counts = RejectionCount.objects.filter(code=quality.CONFLICT, hour__gt=now - quality.DAY)
    return counts.aggregate(total=Sum("count"))["total"] or 0


def refusals(now: datetime) -> str:
    total = quality.refused(now).aggregate(total=Sum("count"))["total"] or 0
    return f"{total:,} fault{'' if total == 1 else 's'} found at the door" if total else "none refused"


def named(one: quality.TypeVolume) -> str:
    return one.event_type.replace("_", " ").capitalize()
