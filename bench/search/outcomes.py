"""What each engine answered to each query: as lines of JSON, as a table, and as the worst of ours."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.figures import Table
from bench.search import bootstrap
from bench.search.metrics import Scores
from bench.search.sets import QuerySet

BASE = "tantivy"
CLEAN, MISSPELT = "clean", "misspelt"
SHOWN = 5
COLUMNS = (
    "nDCG@10",
    f"ratio to {BASE}",
    "recall@10",
    "MRR",
    "no result",
    "nDCG@10 with one error",
    "of it kept",
    "no result",
)


@dataclass(frozen=True)
class Outcome:
    """One engine's page for one query."""

    set: str
    variant: str
    engine: str
    query: str
    meant: str
    scores: Scores
    page: Sequence[str]
    grades: Mapping[str, int]


def write(folder: Path, outcomes: Iterable[Outcome], names: Mapping[str, str]) -> None:
    """A file for each set; products with their names, because they are for looking at."""
    folder.mkdir(parents=True, exist_ok=True)
    by_set: dict[str, list[str]] = {}
    for outcome in outcomes:
        best = sorted(outcome.grades.items(), key=lambda pair: -pair[1])[:20]
        line = asdict(outcome) | {
            "page": [[sku, names.get(sku, ""), outcome.grades.get(sku, 0)] for sku in outcome.page],
            "expected": [[sku, names.get(sku, ""), grade] for sku, grade in best],
        }
        del line["grades"]
        by_set.setdefault(outcome.set, []).append(json.dumps(line, ensure_ascii=False))
    for name, lines in by_set.items():
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def table(asked: QuerySet, outcomes: Sequence[Outcome]) -> Table:
    made = Table(asked.name, [f"{asked.title}, {len(asked.queries)} queries", *COLUMNS])
    engines = list(dict.fromkeys(outcome.engine for outcome in outcomes))
    found = {
        (engine, variant): [o.scores for o in outcomes if (o.engine, o.variant) == (engine, variant)]
        for engine in engines
        for variant in (CLEAN, MISSPELT)
    }
    for engine in engines:
        clean, misspelt = found[engine, CLEAN], found[engine, MISSPELT]
        made.rows.append([engine, *cells(clean, misspelt, found.get((BASE, CLEAN)))])
    return made


def cells(clean: Sequence[Scores], misspelt: Sequence[Scores], base: Sequence[Scores] | None) -> list[str]:
    """One engine's row, in the order of COLUMNS."""
    quality, spoilt = [one.ndcg for one in clean], [one.ndcg for one in misspelt]
    return [
        bootstrap.interval(quality).text(),
        bootstrap.ratio(quality, [one.ndcg for one in base]).text(2) if base else "",
        bootstrap.interval([one.recall for one in clean]).text(),
        bootstrap.interval([one.reciprocal_rank for one in clean]).text(),
        share(clean),
        bootstrap.interval(spoilt).text(),
        bootstrap.ratio(spoilt, quality).text(2),
        share(misspelt),
    ]


def share(found: Sequence[Scores]) -> str:
    return f"{sum(one.empty for one in found) / len(found):.1%}"


def print_worst(outcomes: Sequence[Outcome], names: Mapping[str, str], engine: str, count: int) -> None:
    """Where we do worst, with what was expected; first where another engine shows that it can be done."""
    others: dict[tuple[str, str, str], float] = {}
    for one in outcomes:
        if one.engine != engine:
            place = (one.set, one.variant, one.query)
            others[place] = max(others.get(place, 0.0), one.scores.ndcg)
    own = [one for one in outcomes if one.engine == engine]
    own.sort(key=lambda one: (one.scores.ndcg, -others.get((one.set, one.variant, one.query), 0.0)))
    for one in own[:count]:
        print_one(one, names, others.get((one.set, one.variant, one.query), 0.0))


def print_one(one: Outcome, names: Mapping[str, str], best_other: float) -> None:
    meant = f" (for {one.meant!r})" if one.meant != one.query else ""
    print(f"\n{one.set}: {one.query!r}{meant}: {one.scores.ndcg:.2f}, best of the others {best_other:.2f}")
    for sku, grade in sorted(one.grades.items(), key=lambda pair: -pair[1])[:SHOWN]:
        print(f"    expected {grade}: {names.get(sku, '?')} [{sku}]")
    for place, sku in enumerate(one.page[:SHOWN], 1):
        print(f"    {place}. {names.get(sku, '?')} [{sku}], grade {one.grades.get(sku, 0)}")
