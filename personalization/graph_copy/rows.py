"""From what is remembered to rows: arithmetic without Django, whose result does not depend on the order of events."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np

from capture.sinks.spanner_tables import NOW, Key
from personalization.graph import Graph, Relationship, TemporalPattern
from personalization.graph_copy import tables
from personalization.signals.affinity import SEPARATOR, paths
from personalization.signals.decay import Decay
from personalization.signals.marks import HUNDREDTHS, Signal
from personalization.signals.marks import marks as unpacked

Rows = dict[str, list[Key]]


def signals(subject: str, product: str, packed: bytes, decay: Decay) -> Iterator[tuple[str, Key]]:
    """One row for each signal that the person gave for the product: the table, and the row.

    `strength` is what the signals said at `last_at`, the last of them; `strength x decay^days` is what they say later,
    until one of them is older than its memory.
    """
    every = unpacked(packed)
    for signal, table in tables.SIGNALS.items():
        chosen = np.sort(every[every["signal"] == signal], order=("second", "quantity"))
        if len(chosen):
            first, last = int(chosen["second"][0]), int(chosen["second"][-1])
            yield (
                table,
                (
                    subject,
                    product,
                    len(chosen),
                    int(chosen["quantity"].sum(dtype=np.int64)) / HUNDREDTHS,
                    _moment(first),
                    _moment(last),
                    float(decay.strengths(chosen, last).sum()),
                    forget_at(_moment(last), signal, decay),
                ),
            )


def forget_at(last: datetime, signal: Signal, decay: Decay) -> datetime:
    """When the last of these signals is older than its memory; one that says nothing is kept as long as any."""
    return last + timedelta(days=float(decay.days[signal] or decay.days.max()))


def habit(relationship: Relationship, last: datetime, decay: Decay) -> Key:
    """A row of `FrequentlyBuys`; `last` is the moment of the last purchase."""
    told = relationship.properties
    row = told["frequency"], told["cycle_days"], told["quantity"], told["last_purchase"]
    source, target = _named(relationship.source), _named(relationship.target)
    return source, target, *row, forget_at(last, Signal.PURCHASE, decay)


def drawn(graph: Graph) -> Rows:
    """The rows of what is drawn of a whole person."""
    rows: Rows = {table.name: [] for table in tables.DRAWN}
    subject = _named(graph.entities[0].entity_id) if graph.entities else ""
    for one in graph.relationships:
        if one.relationship == "prefers":
            kind = one.target.partition(":")[0]
            key = subject, _named(one.target)
            rows[tables.PREFERS[kind].name].append((*key, float(one.properties["score"])))
        elif one.relationship == "bought_with":
            pair = subject, _named(one.source), _named(one.target)
            rows[tables.BOUGHT_WITH.name].append((*pair, one.properties["orders"], one.properties["share"]))
    rows[tables.REORDER_CYCLE.name] = [_cycle(subject, pattern) for pattern in graph.temporal_patterns]
    return {table: found for table, found in rows.items() if found}


def _cycle(subject: str, pattern: TemporalPattern) -> Key:
    day: date = pattern.next_expected
    return subject, pattern.product, float(pattern.cycle_days), float(pattern.confidence), day


def person(subject: str, version: int, forgotten: datetime) -> Key:
    """What an event changes of a person's own row."""
    return subject, version, NOW, forgotten


def whole_person(graph: Graph, version: int, now: datetime, forgotten: datetime) -> Key:
    [one] = [entity for entity in graph.entities if entity.entity_type == "user"]
    preferences, household = one.attributes["preferences"], one.attributes["household"] or {}
    dietary = preferences["dietary"]
    return (
        *person(_named(one.entity_id), version, forgotten),
        version,
        now,
        preferences["price_sensitivity"],
        None if dietary is None else list(dietary),
        household.get("size"),
        household.get("has_children"),
        household.get("has_pets"),
    )


def nodes(products: Iterable[tuple[str, str, str | None, str | None]]) -> Rows:
    """The catalogue's part, from each product's SKU, name, brand and path of its shelf."""
    rows: Rows = {table.name: [] for table in tables.CATALOGUE}
    brands, shelves = set[str](), set[str]()
    for product in products:
        rows["Product"].append(product)
        brands |= {product[2]} if product[2] else set()
        shelves |= set(paths(product[3]))
    rows["Brand"] = [(brand,) for brand in sorted(brands)]
    rows["Category"] = [(path, path.rpartition(SEPARATOR)[0] or None) for path in sorted(shelves)]
    return rows


def gathered(rows: Iterable[tuple[str, Key]]) -> Rows:
    by_table: dict[str, list[Key]] = defaultdict(list)
    for table, row in rows:
        by_table[table].append(row)
    return dict(by_table)


def absent(subject: str, products: Iterable[str], rows: Mapping[str, Sequence[Key]]) -> dict[str, list[Key]]:
    """The keys, by table, of what these products do not have any more, or never had."""
    wanted = sorted(products)
    gone: dict[str, list[Key]] = {}
    for table in tables.OF_PRODUCTS:
        there = {row[1] for row in rows.get(table.name, ())}
        if keys := [(subject, product) for product in wanted if product not in there]:
            gone[table.name] = list(keys)
    return gone


def _named(entity: str) -> str:
    return entity.partition(":")[2]


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
