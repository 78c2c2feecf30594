"""What Spanner gets of whom: read where it is remembered, by what each person allows at that moment.

`memory` is the object that the sink's option `source` names (`capture.sinks.spanner_tables.Source`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from capture.records import Record
from capture.sinks.spanner_tables import MOST_MUTATIONS, Change, Key, Part
from leafloaf.lib import statements
from personalization import graph, person_graph, profiles
from personalization.graph_copy import rows
from personalization.graph_copy.rows import Rows
from personalization.graph_copy.tables import (
    CATALOGUE,
    FREQUENTLY_BUYS,
    GRAPH,
    OF_PEOPLE,
    PERSON,
    property_graph,
)
from personalization.signals import people
from personalization.signals.decay import Decay
from personalization.signals.memory import Memory, Row, read_now
from personalization.signals.people import Person, Status

PRODUCTS = """
SELECT kept.subject_id, kept.product_id, product.name, brand.name, category.path, '{}'::text[], kept.marks, ''::bytea
FROM unnest(%(people)s::uuid[], %(products)s::text[]) AS asked (subject_id, product_id)
JOIN personalization_producthistory AS kept USING (subject_id, product_id)
LEFT JOIN catalog_product AS product ON product.sku = kept.product_id
LEFT JOIN catalog_brand AS brand ON brand.id = product.brand_id
LEFT JOIN catalog_category AS category ON category.id = product.category_id
ORDER BY kept.subject_id, kept.product_id
"""
NODES = """
SELECT product.sku, product.name, brand.name, category.path
FROM catalog_product AS product
LEFT JOIN catalog_brand AS brand ON brand.id = product.brand_id
LEFT JOIN catalog_category AS category ON category.id = product.category_id
WHERE product.sku = ANY(%(products)s::text[]) OR product.sku IN (
    SELECT product_id FROM personalization_producthistory WHERE subject_id = ANY(%(people)s::uuid[]))
"""
LARGEST = MOST_MUTATIONS * 2 // 3
"""Of a person's rows in one commit: of who has more products than that, the rest is left out."""


class MemorySource:
    people = PERSON.name
    tables = OF_PEOPLE
    shared = CATALOGUE
    graph_name = GRAPH

    @property
    def graph_ddl(self) -> str:
        return property_graph()

    def parts(self, records: Iterable[Record]) -> Sequence[Part]:
        """The products that each person's events name. Searches and lists shown leave no trace in a memory."""
        touched: dict[str, set[str]] = defaultdict(set)
        for record in records:
            if record.user_id and (named := products_of(record)):
                touched[record.user_id] |= named
        return [Part(subject, frozenset(touched[subject])) for subject in sorted(touched)]

    def changes(self, parts: Sequence[Part]) -> Sequence[Change]:
        now, decay = timezone.now(), Decay.of(settings.SIGNALS)
        known = people.by_pseudonym(UUID(part.subject_id) for part in parts)
        held = _held([part for part in parts if part.products is not None])
        return [_change(part, known.get(UUID(part.subject_id)), held, now, decay) for part in parts]

    def nodes(self, parts: Sequence[Part]) -> Mapping[str, Sequence[Key]]:
        """Only of products that the catalogue knows: what else an event calls a product may be anything."""
        asked = {
            "products": sorted({product for part in parts for product in part.products or ()}),
            "people": [UUID(part.subject_id) for part in parts if part.products is None],
        }
        return rows.nodes(statements.fetch(NODES, asked))


memory = MemorySource()


def products_of(record: Record) -> set[str]:
    payload = record.payload
    match record.event_type:
        case "interaction" | "cart":
            return {payload["product_id"]}
        case "order":
            return {item["product_id"] for item in payload["items"]}
    return set()


def _held(parts: Sequence[Part]) -> dict[UUID, list[Row]]:
    pairs = [(UUID(part.subject_id), product) for part in parts for product in sorted(part.products or ())]
    held: dict[UUID, list[Row]] = defaultdict(list)
    if pairs:
        subjects, products = zip(*pairs, strict=True)
        asked = {"people": list(subjects), "products": list(products)}
        for subject, *row in statements.fetch(PRODUCTS, asked):
            held[subject].append(Row(*row))
    return held


def _change(
    part: Part, person: Person | None, held: Mapping[UUID, list[Row]], now: datetime, decay: Decay
) -> Change:
    if person is None or not person.is_personalized or not person.version:
        return Change(part.subject_id, is_erased=True)
    if part.products is None:
        return _whole(person, now, decay)
    found = profiles.allowed(person, Memory(held.get(person.subject_id, [])))
    written = _products(part.subject_id, found, decay)
    gone = rows.absent(part.subject_id, part.products, written)
    own = rows.person(part.subject_id, person.version, _forgotten(now, decay))
    return Change(part.subject_id, gone=gone, rows={PERSON.name: [own], **written})


def _whole(person: Person, now: datetime, decay: Decay) -> Change:
    subject = str(person.subject_id)
    held = profiles.allowed(person, read_now(person))
    status, drawn = person_graph.of_memory(person, held, now)
    if status != Status.OK:
        return Change(subject, is_erased=True)
    own = rows.whole_person(drawn, person.version, now, _forgotten(now, decay))
    written = {PERSON.name: [own], **rows.drawn(drawn), **_products(subject, held, decay)}
    return Change(subject, [table.name for table in OF_PEOPLE[1:]], rows=_bounded(written))


def _products(subject: str, held: Memory, decay: Decay) -> Rows:
    """What each product says by itself."""
    products = {product.sku: product for product in person_graph.products(held)}
    habits = graph.habits(subject, products.values(), timezone.get_default_timezone())
    signalled = [
        found for row in held.products for found in rows.signals(subject, row.product_id, row.marks, decay)
    ]
    written = rows.gathered(signalled)
    lasts = {row[1]: row[5] for row in written.get("Bought", ())}
    frequent = [
        rows.habit(one, last, decay)
        for one in habits
        if isinstance(last := lasts[one.target.partition(":")[2]], datetime)
    ]
    return written | ({FREQUENTLY_BUYS.name: frequent} if frequent else {})


def _bounded(written: Rows) -> Rows:
    """As much as one commit takes: what was touched last of each table that has too much."""
    size = sum(len(row) for found in written.values() for row in found)
    if size <= LARGEST:
        return written
    share = LARGEST / size
    newest = {name: sorted(found, key=_last, reverse=True) for name, found in written.items()}
    return {name: found[: max(1, int(len(found) * share))] for name, found in newest.items()}


def _last(row: Key) -> str:
    """When it is forgotten, where that is said."""
    return row[-1].isoformat() if isinstance(row[-1], datetime) else ""


def _forgotten(now: datetime, decay: Decay) -> datetime:
    """When nothing of what is known now is remembered any more, whatever it was."""
    return now + timedelta(days=float(decay.days.max()))
