"""Charts drawn on the server: an SVG, and its numbers beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.text import slugify

from leafloaf.staff import charts

register = template.Library()


@dataclass(frozen=True)
class LocalLine:
    """A line on the wall clock of the current time zone."""

    label: str
    points: Sequence[tuple[datetime, float | None]]


@register.inclusion_tag("staff/line_chart.html")
def line_chart(
    lines: Sequence[charts.Line], title: str, unit: str = "number", limit: float | None = None, of: str = ""
) -> dict[str, Any]:
    """`{% line_chart lines title="Lag" of="Redis" unit="seconds" limit=60 %}`; a line has a `label` and `points`.

    Args:
        of: what the chart is about, for those who do not see where it stands.
        unit: `seconds` or `number`.
        limit: a value to mark by a dashed line.
    """
    local = [
        LocalLine(line.label, [(timezone.localtime(moment), value) for moment, value in line.points])
        for line in lines
    ]
    written = charts.UNITS[unit]
    chart = charts.line_chart(local, written, limit)
    name = f"{of}: {title[:1].lower()}{title[1:]}" if of else title
    return {
        "chart": chart,
        "title": title,
        "name": name,
        "key": slugify(name),
        "limit_label": written.long(limit) if limit is not None else "",
        "lines": local,
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
        "left": charts.LEFT,
        "right": charts.WIDTH - charts.RIGHT,
        "top": charts.TOP,
        "inner_height": charts.INNER_HEIGHT,
        "floor": charts.HEIGHT - charts.BOTTOM,
        "label_x": charts.LEFT - 8,
        "label_y": charts.HEIGHT - 8,
    }
