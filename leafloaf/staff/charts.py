"""The geometry of a line chart: from numbers to SVG paths and labels. Knows no Django."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

from leafloaf.staff import human

WIDTH, HEIGHT = 340, 150
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 10, 24
INNER_WIDTH, INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_VALUE_TICKS, MOST_TIME_TICKS = 4, 6

DURATION_STEPS = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14_400,
    21_600,
)
TIME_STEPS = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60, 120, 240, 360, 720, 1440))


class Line(Protocol):
    """One line: `None` where nothing was read, which leaves a gap."""

    @property
    def label(self) -> str: ...
    @property
    def points(self) -> Sequence[tuple[datetime, float | None]]: ...


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Hint:
    """A strip of the chart that tells its numbers to the pointer that rests on it."""

    x: float
    width: float
    text: str


@dataclass(frozen=True)
class Drawn:
    """One line as it is drawn: the strokes, the areas under them, and points that stand alone."""

    label: str
    stroke: str
    area: str
    dots: list[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """Everything the template writes down."""

    lines: list[Drawn]
    value_ticks: list[Tick]
    time_ticks: list[Tick]
    hints: list[Hint]
    limit_at: float | None
    summary: str
    rows: list[tuple[datetime, list[str]]]


@dataclass(frozen=True)
class Unit:
    """How values of a chart are written, on its axis and beside it."""

    steps: Callable[[float], float]
    on_axis: Callable[[float, float], str]
    long: Callable[[float], str]


def decimal_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 … that is not below `least`."""
    power = 1.0
    while power * 10 <= least:
        power *= 10
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)


def duration_step(least: float) -> float:
    fitting = next((step for step in DURATION_STEPS if step >= least), None)
    return fitting if fitting is not None else human.DAY * decimal_step(least / human.DAY)


UNITS = {
    "seconds": Unit(duration_step, human.round_duration, human.duration),
    "number": Unit(decimal_step, lambda value, _: human.compact(value), human.number),
}


def line_chart(lines: Sequence[Line], unit: Unit, limit: float | None = None) -> Chart | None:
    """The chart of lines over the same times; None when no line has a value.

    Args:
        limit: a value to mark, when it is within reach of the others.
    """
    moments = sorted({moment for line in lines for moment, _ in line.points})
    values = [value for line in lines for _, value in line.points if value is not None]
    if not values:
        return None
    ticks = value_ticks(max(values), unit)
    scale = Scale(moments[0], moments[-1], ticks[-1])
    return Chart(
        lines=[drawn(line, scale) for line in lines],
        value_ticks=[Tick(scale.y(value), unit.on_axis(value, ticks[1])) for value in ticks],
        time_ticks=list(time_ticks(moments[0], moments[-1], scale)),
        hints=hints(lines, moments, scale, unit),
        limit_at=scale.y(limit) if limit is not None and limit <= ticks[-1] else None,
        summary=" ".join(summary(line, unit) for line in lines),
        rows=list(rows(lines, moments, unit)),
    )


@dataclass(frozen=True)
class Scale:
    """From moments and values to places in the drawing."""

    start: datetime
    end: datetime
    top: float

    def x(self, moment: datetime) -> float:
        span = (self.end - self.start).total_seconds() or 1.0
        return round(LEFT + INNER_WIDTH * (moment - self.start).total_seconds() / span, 1)

    def y(self, value: float) -> float:
        return round(TOP + INNER_HEIGHT * (1 - value / self.top), 1)


def drawn(line: Line, scale: Scale) -> Drawn:
    runs = [
        [(scale.x(moment), scale.y(value or 0.0)) for moment, value in run]
        for is_known, run in groupby(line.points, key=lambda point: point[1] is not None)
        if is_known
    ]
    long = [run for run in runs if len(run) > 1]
    return Drawn(
        label=line.label,
        stroke=" ".join(path(run) for run in long),
        area=" ".join(f"{path(run)} V{scale.y(0)} H{run[0][0]} Z" for run in long),
        dots=[run[0] for run in runs if len(run) == 1],
    )


def path(run: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x} {y}" for x, y in run)


def value_ticks(highest: float, unit: Unit) -> list[float]:
    """From 0 to the first tick that is not below the highest value."""
    step = unit.steps((highest or 1.0) / MOST_VALUE_TICKS)
    ticks = [0.0]
    while len(ticks) < 2 or ticks[-1] < highest:
        ticks.append(round(len(ticks) * step, 6))
    return ticks


def time_ticks(start: datetime, end: datetime, scale: Scale) -> Iterator[Tick]:
    """Round moments on the wall clock of the zone that `start` is in."""
    fitting = (step for step in TIME_STEPS if (end - start) / step <= MOST_TIME_TICKS)
    step = next(fitting, timedelta(days=1 + (end - start).days // MOST_TIME_TICKS))
    at = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while at <= end:
        if at >= start:
            yield Tick(scale.x(at), f"{at:%b} {at.day}" if step >= timedelta(days=1) else f"{at:%H:%M}")
        at += step


def hints(lines: Sequence[Line], moments: Sequence[datetime], scale: Scale, unit: Unit) -> list[Hint]:
    width = round(INNER_WIDTH / max(1, len(moments) - 1), 1)
    many = len(lines) > 1
    return [
        Hint(
            round(max(LEFT, scale.x(moment) - width / 2), 1),
            width,
            f"{moment:%b} {moment.day}, {moment:%H:%M}: "
            + ", ".join(
                f"{line.label} {text}" if many else text for line, text in zip(lines, texts, strict=True)
            ),
        )
        for moment, texts in rows(lines, moments, unit)
    ]


def rows(
    lines: Sequence[Line], moments: Sequence[datetime], unit: Unit
) -> Iterator[tuple[datetime, list[str]]]:
    """The numbers behind the chart, without the moments at which nothing was read."""
    columns = [dict(line.points) for line in lines]
    for moment in moments:
        values = [column.get(moment) for column in columns]
        if any(value is not None for value in values):
            yield moment, ["–" if value is None else unit.long(value) for value in values]


def summary(line: Line, unit: Unit) -> str:
    known = [value for _, value in line.points if value is not None]
    if not known:
        return f"{line.label}: nothing was read."
    return (
        f"{line.label}: latest {unit.long(known[-1])}, lowest {unit.long(min(known))}, "
        f"highest {unit.long(max(known))}."
    )
