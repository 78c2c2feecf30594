"""The copy holds what Postgres remembers, row by row, whatever order and number the batches come in."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.utils import timezone

from capture import deliver, log
from capture.models import OutboxBatch
from capture.sinks.base import Batch
from capture.sinks.spanner import SpannerSink
from leafloaf.catalog.models import Brand, Category, Product
from personalization import person_graph, profiles
from personalization.graph_copy import drawing, rows, tables
from personalization.models import ProductHistory
from personalization.signals import memory, people
from personalization.signals.decay import Decay
from privacy import subjects
from tests.calls import Api, cart, impression, interaction, order, search
from tests.spanner import stores

SKUS = ("milk", "butter", "tea")


@pytest.fixture
def catalogue(transactional_db: None) -> None:
    dairy = Category.objects.create(name="Dairy")
    milk = Category.objects.create(name="Milk", parent=dairy)
    oatly = Brand.objects.create(name="Oatly")
    for sku in SKUS:
        Product.objects.create(sku=sku, name=sku.title(), category=milk, brand=oatly)


def a_life(user: str, days: int = 25) -> list[dict[str, Any]]:
    """What a shopper does in some weeks, the oldest first."""
    now = datetime.now(UTC)
    told: list[dict[str, Any]] = []
    for day in range(days, 0, -7):
        at = (now - timedelta(days=day)).isoformat()
        items = [{"product_id": sku, "quantity": 2, "price": 3.5} for sku in ("milk", "butter")]
        told += [
            search(user_id=user, timestamp=at),
            interaction(user_id=user, product_id="tea", interaction_type="product_view", timestamp=at),
            interaction(user_id=user, product_id="unknown to all", timestamp=at),
            cart(user_id=user, product_id="milk", timestamp=at),
            order(user_id=user, order_id=f"{user}-{day}", items=items, timestamp=at),
            impression(user_id=user, timestamp=at),
        ]
    rated = {"interaction_type": "rating", "product_id": "tea", "rating": 1}
    return [*told, interaction(user_id=user, **rated), cart(user_id=user, product_id="milk", action="remove")]


def delivered() -> None:
    deliver.drain("spanner", is_final=True)
    assert not OutboxBatch.objects.exclude(state=OutboxBatch.State.DELIVERED).exists()


def pseudonym(user: str) -> UUID:
    return subjects.resolve([user])[user]


def expected(subject: UUID) -> dict[str, list[tuple[Any, ...]]]:
    """What the person's products say, worked out here from the marks that Postgres keeps."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    decay = Decay.of(settings.SIGNALS)
    for row in ProductHistory.objects.filter(subject_id=subject).order_by("product_id"):
        told = rows.signals(str(subject), row.product_id, bytes(row.marks), decay)
        for table, one in told:
            found.setdefault(table, []).append(one)
    return found


def test_every_signal_of_everybody_is_there_as_postgres_has_it(
    graph: SpannerSink, catalogue: None, secret: Api
) -> None:
    for user in ("ann", "ben"):
        secret.send(*a_life(user))
    secret.send(interaction(session_id="nobody"))
    delivered()
    held = stores.everything(graph)
    for user in ("ann", "ben"):
        subject = pseudonym(user)
        for table, wanted in expected(subject).items():
            mine = [tuple(row.values()) for row in held[table] if row["subject_id"] == str(subject)]
            assert mine == wanted
    assert {row["subject_id"] for row in held["Person"]} == {str(pseudonym(user)) for user in ("ann", "ben")}
    assert {table.name for table in tables.OF_PRODUCTS} == held.keys() - {"Person"}
    [bought] = [one for one in held["Bought"] if one["product_id"] == "milk"][:1]
    assert (bought["times"], bought["quantity"]) == (4, 8.0)
    assert 1 < bought["strength"] < 4


def test_the_whole_graph_is_the_one_that_the_person_sees(
    graph: SpannerSink, catalogue: None, secret: Api
) -> None:
    secret.send(*a_life("ann"))
    delivered()
    assert drawing.draw() == 1
    subject = pseudonym("ann")
    held = stores.of(graph, subject)
    now = held["Person"][0]["drawn_at"]
    person = people.known("ann")
    assert person is not None
    _, shown = person_graph.of_memory(person, profiles.allowed(person, memory.read_now(person)), now)
    assert _told(shown.relationships) == _relationships(held)
    assert {
        (one.product, one.cycle_days, one.confidence, one.next_expected) for one in shown.temporal_patterns
    } == {tuple(row.values())[1:] for row in held["ReorderCycle"]}
    products = {entity.entity_id for entity in shown.entities if entity.entity_type == "product"}
    signalled = {row["product_id"] for table in tables.SIGNALS.values() for row in held.get(table, ())}
    assert {f"product:{sku}" for sku in signalled} == products
    assert drawing.draw() == 0


def _told(relationships: Any) -> set[Any]:
    return {
        (
            one.relationship,
            one.source.partition(":")[2],
            one.target.partition(":")[2],
            *one.properties.values(),
        )
        for one in relationships
    }


def _relationships(held: stores.Rows) -> set[Any]:
    prefers = {
        ("prefers", *row.values()) for table in tables.PREFERS.values() for row in held.get(table.name, ())
    }
    frequent = {("frequently_buys", *[*row.values()][:-1]) for row in held["FrequentlyBuys"]}
    return prefers | frequent | {("bought_with", *[*row.values()][1:]) for row in held["BoughtWith"]}


def test_the_catalogue_is_there_once_and_what_it_does_not_know_is_not(
    graph: SpannerSink, catalogue: None, secret: Api
) -> None:
    secret.send(*a_life("ann"))
    delivered()
    held = {table.name: [*graph.read(table, {"all_": True})] for table in tables.CATALOGUE}
    assert [row["product_id"] for row in held["Product"]] == sorted(SKUS)
    assert held["Product"][0] == {
        "product_id": "butter", "name": "Butter", "brand": "Oatly", "category": "Dairy > Milk"
    }  # fmt: skip
    assert held["Brand"] == [{"brand": "Oatly"}]
    assert held["Category"] == [
        {"category": "Dairy", "parent": None},
        {"category": "Dairy > Milk", "parent": "Dairy"},
    ]


def test_events_in_any_order_and_in_any_batches_make_the_same_rows(
    graph: SpannerSink, catalogue: None, secret: Api
) -> None:
    events = a_life("ann")
    secret.send(*events)
    delivered()
    in_order = stores.of(graph, pseudonym("ann"))
    shuffled = [
        event | {"event_id": f"again-{place}", "user_id": "ben"} for place, event in enumerate(events)
    ]
    random.Random(4).shuffle(shuffled)  # noqa: S311
    for event in shuffled:
        secret.send(event)
        deliver.drain("spanner", is_final=True)
    otherwise = stores.of(graph, pseudonym("ben"))
    assert _anonymous(otherwise) == _anonymous(in_order)


def _anonymous(held: stores.Rows) -> Any:
    left_out = ("subject_id", *stores.MOMENTS, "forget_at", "version", "first_at", "last_at", "strength")
    return {
        table: [{name: row[name] for name in row if name not in left_out} for row in found]
        for table, found in held.items()
    }


def batches() -> list[Batch]:
    return [
        Batch(one.label, one.object_name, log.read(one), True, sequence=one.sequence)
        for one in OutboxBatch.objects.order_by("sequence")
    ]


def test_a_batch_again_an_old_one_again_and_all_of_them_again_change_nothing(
    graph: SpannerSink, catalogue: None, secret: Api
) -> None:
    for start in range(3):
        secret.send(*a_life("ann")[start * 8 : start * 8 + 8])
        delivered()
    before = stores.everything(graph)
    for batch in [*batches(), *reversed(batches())]:
        graph.deliver(batch)
        graph.deliver(Batch(f"as-if-new-{batch.label}", "", batch.records))
    assert stores.everything(graph) == before


def test_a_product_of_which_nothing_is_remembered_any_more_leaves(
    graph: SpannerSink, catalogue: None, secret: Api
) -> None:
    secret.send(*a_life("ann"))
    delivered()
    ProductHistory.objects.filter(product_id="tea").delete()
    for batch in batches():
        graph.deliver(Batch("again", "", batch.records))
    held = stores.everything(graph)
    assert not [row for found in held.values() for row in found if row.get("product_id") == "tea"]
    assert held["Bought"]


def test_a_strength_is_what_the_decay_says_at_the_last_signal(graph: SpannerSink, secret: Api) -> None:
    at = [(timezone.now() - timedelta(days=days)).isoformat() for days in (2, 12)]
    secret.send(*(cart(user_id="ann", product_id="milk", quantity=1, timestamp=one) for one in at))
    delivered()
    [added] = stores.everything(graph)["Added"]
    assert added["strength"] == pytest.approx(0.5 + 0.5 * 0.9**10)
    assert (added["times"], added["quantity"]) == (2, 2.0)
    assert added["last_at"] - added["first_at"] == timedelta(days=10)
    assert added["forget_at"] == added["last_at"] + timedelta(days=90)
