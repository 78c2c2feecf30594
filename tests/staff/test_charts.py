from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from leafloaf.staff import charts

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECONDS, NUMBER = charts.UNITS["seconds"], charts.UNITS["number"]


@dataclass(frozen=True)
class Line:
    label: str
    points: Sequence[tuple[datetime, float | None]]


def line(*values: float | None, label: str = "lag") -> Line:
    return Line(label, [(NOON + timedelta(minutes=minute), value) for minute, value in enumerate(values)])


def chart_of(*lines: Line, unit: charts.Unit = SECONDS, limit: float | None = None) -> charts.Chart:
    chart = charts.line_chart(lines, unit, limit)
    assert chart is not None
    return chart


def test_nothing_read_is_no_chart() -> None:
    assert charts.line_chart([line(None, None)], SECONDS) is None
    assert charts.line_chart([], SECONDS) is None


def test_a_moment_without_a_reading_leaves_a_gap() -> None:
    drawn = chart_of(line(1, 2, None, 3, 1)).lines[0]
    assert drawn.stroke.count("M") == 2
    assert drawn.dots == []


def test_a_reading_between_two_gaps_is_a_dot() -> None:
    drawn = chart_of(line(1, 2, None, 3, None)).lines[0]
    assert len(drawn.dots) == 1


def test_a_limit_is_drawn_only_within_reach() -> None:
    assert chart_of(line(1, 50), limit=30).limit_at is not None
    assert chart_of(line(1, 2), limit=30).limit_at is None


def test_the_summary_says_what_the_eye_would_see() -> None:
    assert chart_of(line(3, 200, 1)).summary == "lag: latest 1 s, lowest 1 s, highest 3 min 20 s."


def test_the_numbers_leave_out_moments_without_a_reading() -> None:
    rows = chart_of(line(1, None, 3), line(None, None, 4, label="other")).rows
    assert [texts for _, texts in rows] == [["1 s", "–"], ["3 s", "4 s"]]


def test_times_are_marked_by_the_clock_on_the_wall() -> None:
    start = datetime(2026, 10, 31, 22, tzinfo=ZoneInfo("America/Toronto"))
    points = [(start + timedelta(hours=hour), 1.0) for hour in range(10)]
    labels = [tick.label for tick in chart_of(Line("lag", points)).time_ticks]
    assert labels[:2] == ["22:00", "00:00"]
    assert "04:00" in labels  # the night the clocks go back


def test_a_week_is_marked_by_days() -> None:
    points = [(NOON + timedelta(hours=hour), 1.0) for hour in range(0, 7 * 24, 6)]
    ticks = chart_of(Line("lag", points)).time_ticks
    assert [tick.label for tick in ticks] == ["Nov 22", "Nov 24", "Nov 26"]


@given(st.floats(0, 1e9), st.sampled_from([SECONDS, NUMBER]))
def test_the_axis_reaches_every_value_in_few_steps(highest: float, unit: charts.Unit) -> None:
    ticks = charts.value_ticks(highest, unit)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert 2 <= len(ticks) <= charts.MOST_VALUE_TICKS + 2


@given(st.lists(st.none() | st.floats(0, 1e7), min_size=1, max_size=40))
def test_everything_drawn_stays_inside(values: list[float | None]) -> None:
    chart = charts.line_chart([line(*values)], SECONDS)
    for drawn in chart.lines if chart else []:
        numbers = [float(part) for part in drawn.stroke.replace("M", " ").replace("L", " ").split()]
        assert all(charts.LEFT <= x <= charts.WIDTH - charts.RIGHT for x in numbers[::2])
        assert all(charts.TOP - 0.1 <= y <= charts.HEIGHT - charts.BOTTOM + 0.1 for y in numbers[1::2])


@pytest.fixture
def drawing() -> str:
    template = Template('{% load charts %}{% line_chart lines title=title unit="seconds" limit=2 %}')
    return template.render(
        Context({"title": "Lag <of Redis>", "lines": [line(1, 2, 3), line(2, 2, 2, label="other")]})
    )


def test_a_drawing_has_a_name_a_description_and_its_numbers(drawing: str) -> None:
    assert 'role="img" aria-labelledby="lag-of-redis-title lag-of-redis-summary"' in drawing
    assert '<desc id="lag-of-redis-summary">lag: latest 3 s' in drawing
    assert drawing.count("<tr>") == 4
    assert "Lag &lt;of Redis&gt;" in drawing


def test_a_drawing_needs_no_inline_style_and_no_script(drawing: str) -> None:
    assert "style=" not in drawing
    assert "<script" not in drawing


def test_a_limit_within_reach_is_named(drawing: str) -> None:
    assert '<span class="limit-label">limit 2 s</span>' in drawing


def test_a_drawing_says_what_it_is_about() -> None:
    template = Template('{% load charts %}{% line_chart lines title="Lag" of="Redis" %}')
    drawing = template.render(Context({"lines": [line(1, 2)]}))
    assert "<figcaption>Lag</figcaption>" in drawing
    assert '<title id="redis-lag-title">Redis: lag</title>' in drawing


def test_an_empty_drawing_says_so() -> None:
    template = Template('{% load charts %}{% line_chart lines title="Lag" %}')
    assert "Nothing was read in this time." in template.render(Context({"lines": []}))


def test_several_lines_have_a_legend(drawing: str) -> None:
    assert '<li class="line-2">other</li>' in drawing
