"""Counted searches as the page tells them: rates, the table of intents, the charts over time."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from leafloaf.storefront import analytics
from leafloaf.storefront.models import SearchIntent, SearchQuery, SearchReport

CHARTED = 3
"""Intents with a line of their own; the others share one."""


@dataclass(frozen=True)
class Count:
    """Searches, and what came of them: rates in percent, None where there is nothing to divide by."""

    searches: int = 0
    no_results: int = 0
    clicked: int = 0

    @property
    def no_results_rate(self) -> float | None:
        return share(self.no_results, self.searches)

    @property
    def click_rate(self) -> float | None:
        return share(self.clicked, self.searches)

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.searches + other.searches,
            self.no_results + other.no_results,
            self.clicked + other.clicked,
        )


@dataclass(frozen=True)
class Tally(Count):
    """The same with who searched, and with where the chosen products stood."""

    shoppers: int = 0
    choices: int = 0
    places: int = 0

    @property
    def mean_place(self) -> float | None:
        return self.places / self.choices if self.choices else None


@dataclass(frozen=True)
class Line:
    """One line of the chart."""

    label: str
    points: list[tuple[datetime, float | None]]


@dataclass(frozen=True)
class Chart:
    """Lines that are drawn together."""

    title: str
    unit: str
    lines: list[Line]


@dataclass(frozen=True)
class Meant:
    """How often one intent was read in the searches."""

    label: str
    count: Count
    rate: float


def of(row: SearchReport | SearchQuery) -> Tally:
    return Tally(row.searches, row.no_results, row.clicked, row.shoppers, row.choices, row.places)


def of_intents(report: SearchReport, chosen: analytics.Range) -> dict[str, Any]:
    """The table of what searches meant, and the charts over time."""
    counts: dict[str, dict[datetime, Count]] = defaultdict(lambda: defaultdict(Count))
    for row in SearchIntent.objects.filter(report=report):
        counts[label_of(row.intent)][row.moment] = Count(row.searches, row.no_results, row.clicked)
    sums = {label: sum(by_moment.values(), Count()) for label, by_moment in counts.items()}
    order = sorted(sums, key=lambda label: (-sums[label].searches, label))
    since = report.since or datetime.now(UTC)
    moments = [since + number * chosen.step for number in range(chosen.span // chosen.step)]
    series = {label: [counts[label][moment] for moment in moments] for label in order}
    return {
        "meant": [
            Meant(label, sums[label], share(sums[label].searches, report.searches) or 0.0) for label in order
        ],
        "charts": charts(moments, series) if order else [],
    }


def charts(moments: list[datetime], series: dict[str, list[Count]]) -> list[Chart]:
    """The intents, what came of the searches, and how often; `series` holds the most frequent intent first."""

    def line(label: str, values: list[float | None]) -> Line:
        return Line(label, list(zip(moments, values, strict=True)))

    every = summed(series)
    labels = list(series)
    groups = {label: series[label] for label in labels[:CHARTED]}
    if rest := {label: series[label] for label in labels[CHARTED:]}:
        groups["all others" if len(rest) > 1 else labels[-1]] = summed(rest)
    return [
        Chart(
            "Intents",
            "Searches",
            [line(label, [float(one.searches) for one in group]) for label, group in groups.items()],
        ),
        Chart(
            "Outcome",
            "Searches",
            [
                line("all", [float(one.searches) for one in every]),
                line("clicked", [float(one.clicked) for one in every]),
                line("without results", [float(one.no_results) for one in every]),
            ],
        ),
        Chart(
            "Rates",
            "Per cent of searches",
            [
                line("clicked", [one.click_rate for one in every]),
                line("without results", [one.no_results_rate for one in every]),
            ],
        ),
    ]


def summed(series: dict[str, list[Count]]) -> list[Count]:
    return [sum(counts, Count()) for counts in zip(*series.values(), strict=True)]


def label_of(intent: str) -> str:
    return intent.replace("_", " ") or "none of ours"


def share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
