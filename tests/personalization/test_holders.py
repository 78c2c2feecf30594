"""What personalization gives away of a person is what it removes, and nobody else loses anything by it."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from capture.holders.log import EventLogHolder
from capture.models import Event
from personalization.aggregation import aggregates
from personalization.companions import basket_counts
from personalization.holders import AggregatesHolder, ProfilesHolder, RecommendationsHolder
from personalization.models import (
    AggregateDay,
    BasketItem,
    BasketTable,
    DailyIntent,
    DailyProduct,
    Dismissal,
    Exposure,
    ExposureOutcome,
    ProductCategory,
    ProductHistory,
    Profile,
)
from personalization.recommending import dismissals, exposures
from personalization.recommending.recommend import Recommendations
from personalization.signals.people import Status
from privacy import consent, subjects
from privacy.holders import BaseHolder, NotNow, Plan, Presence, Purged, Scope, Task
from privacy.models import Actor, DeletionRequest, DeletionStep, Subject
from tests.calls import Api, cart, interaction, order, search

NOW = datetime.now(UTC)
CLOSED = "redis://127.0.0.1:9"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, the baskets are counted at once."""
    monkeypatch.setattr("personalization.holders.AT_ONCE", timedelta(minutes=1))


def task(holder: BaseHolder, subject_id: UUID, plan: Plan | None = None, **limits: Any) -> Task:
    scope = Scope(subject_id, **limits)
    return Task(scope, plan or holder.plan(scope), datetime.now(UTC))


def shop(api: Api, user: str) -> UUID:
    """Somebody who searches, clicks, adds and buys, and whose products nobody else buys but one."""
    orders = order(
        user_id=user,
        order_id=f"order-{user}",
        items=[
            {"product_id": sku, "quantity": 1, "price": 2.5, "category": f"Shelf of {user}"}
            for sku in ("milk", f"{user}-tea", f"{user}-jam")
        ],
    )
    told = api.send(
        search(user_id=user, query=f"tea of {user}", intent=f"intent-{user}"),
        interaction(user_id=user, product_id=f"{user}-tea", category=f"Shelf of {user}"),
        cart(user_id=user, product_id=f"{user}-jam"),
        orders,
    )
    assert told["accepted"] == 4
    return subjects.resolve([user])[user]


def be_shown(subject_id: UUID | None) -> None:
    """Two lists, one of them clicked and bought from."""
    shown = [uuid4(), uuid4()]
    for list_id in shown:
        items = Recommendations(list_id=str(list_id), status=Status.OK, items=[], model_version="")
        assert exposures.record(items, subject_id, "home", NOW)
    for kind in ("click", "purchase"):
        ExposureOutcome.objects.create(list_id=shown[0], product_id="milk", kind=kind, occurred_at=NOW)


def stored() -> Counter[str]:
    """Every row of a person, with whose it is."""
    return Counter(
        {
            f"{model.__name__} {key}": model.objects.filter(subject_id=key).count()
            for model in (Profile, ProductHistory, Exposure, Dismissal)
            for key in Subject.objects.values_list("id", flat=True)
        }
    )


@pytest.fixture
def people(secret: Api, log: None) -> tuple[UUID, UUID]:
    """Ann and Bob, who did the same."""
    ann, bob = shop(secret, "ann"), shop(secret, "bob")
    for person in (ann, bob, None):
        be_shown(person)
    for person in (ann, bob):
        dismissals.add(person, "kale")
        dismissals.add(person, f"only-{person}")
    return ann, bob


@pytest.mark.parametrize(("make", "rows"), [(ProfilesHolder, 4), (RecommendationsHolder, 6)])
def test_what_is_exported_is_what_is_removed(
    people: tuple[UUID, UUID], make: Callable[[], BaseHolder], rows: int
) -> None:
    holder, (ann, bob) = make(), people
    planned, before = task(holder, ann), stored()
    given = [(name, str(row)) for name, row in holder.export(Scope(ann))]
    kept = list(holder.export(Scope(bob)))
    assert len(given) == planned.plan.rows == rows == len(kept)
    assert {name for name, _ in given} == set(holder.fields())
    assert holder.verify(planned).found > 0
    for _ in range(2):  # a worker that died after the first time
        (answer,) = holder.erase([planned])
        assert answer.again_at is None
    assert holder.verify(planned).presence == Presence.ABSENT
    assert not list(holder.export(Scope(ann)))
    assert list(holder.export(Scope(bob))) == kept
    theirs = {key: count for key, count in before.items() if str(ann) not in key}
    assert {key: count for key, count in stored().items() if str(ann) not in key} == theirs


def test_several_people_go_at_once_and_lists_of_nobody_stay(people: tuple[UUID, UUID]) -> None:
    for holder in (ProfilesHolder(), RecommendationsHolder()):
        tasks = [task(holder, person) for person in people]
        assert len(holder.erase(tasks)) == 2
        assert all(holder.verify(one).presence == Presence.ABSENT for one in tasks)
    assert Exposure.objects.count() == 2
    assert ExposureOutcome.objects.count() == 2


@pytest.mark.parametrize("make", [ProfilesHolder, RecommendationsHolder])
def test_retention_is_left_to_their_own_ageing(
    people: tuple[UUID, UUID], make: Callable[[], BaseHolder]
) -> None:
    holder, before = make(), stored()
    aged = task(holder, people[0], before=NOW + timedelta(days=1))
    assert aged.plan.rows == 0
    holder.erase([aged])
    assert holder.verify(aged).presence == Presence.ABSENT
    assert stored() == before


def test_copies_in_a_redis_that_is_away_are_not_called_absent(
    people: tuple[UUID, UUID], settings: Settings
) -> None:
    if not settings.REDIS_ENABLED:
        pytest.skip("there is no Redis server for this machine")
    holder = ProfilesHolder()
    planned = task(holder, people[0])
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": CLOSED}}
    with pytest.raises(NotNow) as raised:
        holder.erase([planned])
    found = holder.verify(planned)
    assert found.presence == Presence.UNREACHABLE
    assert str(people[0]) not in f"{raised.value} {found.said}"


def test_who_is_fenced_is_written_nowhere_any_more(people: tuple[UUID, UUID]) -> None:
    ann, _ = people
    Subject.objects.filter(pk=ann).update(state=Subject.State.FENCED)
    before = stored()
    items = Recommendations(list_id=str(uuid4()), status=Status.OK, items=[], model_version="")
    assert exposures.record(items, ann, "home", NOW)
    with pytest.raises(consent.Erased):
        dismissals.add(ann, "chard")
    assert stored() == before


# Counts over everybody


def counted() -> dict[str, Any]:
    """What the counts say, by names that do not change when they are made again."""
    items = BasketItem.objects.filter(table__state=BasketTable.State.SERVING)
    return {
        "products": sorted(DailyProduct.objects.values_list("product_id", "clicks", "adds", "purchases")),
        "intents": sorted(DailyIntent.objects.values_list("intent", "searches")),
        "categories": sorted(ProductCategory.objects.values_list("product_id", "category")),
        "baskets": sorted(items.values_list("key", "baskets")),
        "dirty": AggregateDay.objects.filter(is_dirty=True).count(),
    }


def count() -> dict[str, Any]:
    aggregates.count()
    basket_counts.run(seconds=20)
    return counted()


def lose(subject_id: UUID) -> None:
    """The log without the person's events."""
    holder = EventLogHolder()
    scope = Scope(subject_id)
    Subject.objects.filter(pk=subject_id).update(state=Subject.State.FENCED)
    holder.erase([Task(scope, holder.plan(scope), datetime.now(UTC))])
    assert not Event.objects.filter(subject_id=subject_id).exists()


def test_counts_are_made_again_without_the_person(secret: Api, log: None) -> None:
    bob = shop(secret, "bob")
    without = count()
    ann = shop(secret, "ann")
    assert count() != without
    holder = AggregatesHolder()
    planned = task(holder, ann)
    assert planned.plan.rows == 0
    assert planned.plan.details["orders"] == 1
    assert not list(holder.export(Scope(ann)))
    lose(ann)
    for _ in range(2):
        (answer,) = holder.erase([planned])
        assert answer.again_at is None
        assert counted() == without
    assert holder.verify(planned).presence == Presence.ABSENT
    assert bob != ann


def test_a_table_of_baskets_that_began_before_is_present(secret: Api, log: None) -> None:
    ann = shop(secret, "ann")
    count()
    holder = AggregatesHolder()
    planned = task(holder, ann)
    found = holder.verify(planned)
    assert (found.presence, found.found) == (
        Presence.PRESENT,
        4,
    )  # the table, and a category for each product


def test_it_waits_while_the_baskets_are_being_counted(
    secret: Api, log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = shop(secret, "ann")
    count()
    holder = AggregatesHolder()
    planned = task(holder, ann)
    lose(ann)
    monkeypatch.setattr("personalization.holders.AT_ONCE", timedelta())
    answers: list[Purged] = []
    while not answers or answers[-1].again_at:
        answers += holder.erase([planned])
        assert len(answers) < 20
    assert len(answers) > 1
    assert "counted anew" in answers[0].said
    assert holder.verify(planned).presence == Presence.ABSENT


def test_a_count_under_way_is_not_broken_off_for_the_next_person(secret: Api, log: None) -> None:
    for user in ("ann", "bob"):
        shop(secret, user)
    count()
    basket_counts.mark_dirty()
    basket_counts._make_tables()
    building = BasketTable.objects.get(state=BasketTable.State.BUILDING)
    basket_counts.renew(datetime.now(UTC) + timedelta(minutes=1))
    building.refresh_from_db()
    assert (building.state, building.is_dirty) == (BasketTable.State.BUILDING, False)


def test_baskets_wait_for_the_log_of_their_own_request(secret: Api, log: None) -> None:
    """By its step, so that a table begun since then does, however often it is asked."""
    ann = shop(secret, "ann")
    count()
    holder = AggregatesHolder()
    planned = task(holder, ann)
    lose(ann)
    request = DeletionRequest.objects.create(subject_id=ann, user_hash=b"", actor=Actor.USER, state="purging")
    emptied = datetime.now(UTC)
    DeletionStep.objects.create(
        request=request, holder="events", store="postgres", phase=1, purged_at=emptied - timedelta(seconds=5)
    )
    assert holder.erase([planned])[0].again_at is None
    tables = set(BasketTable.objects.values_list("pk", flat=True))
    assert holder.erase([planned])[0].again_at is None
    assert set(BasketTable.objects.values_list("pk", flat=True)) == tables


def test_a_person_without_orders_leaves_the_baskets_alone(secret: Api, log: None) -> None:
    shop(secret, "bob")
    secret.send(search(user_id="ann", query="tea"))
    count()
    ann = subjects.resolve(["ann"])["ann"]
    tables = set(BasketTable.objects.values_list("pk", flat=True))
    holder = AggregatesHolder()
    planned = task(holder, ann)
    lose(ann)
    assert holder.erase([planned])[0].again_at is None
    assert set(BasketTable.objects.values_list("pk", flat=True)) == tables
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(searches) FROM personalization_dailyintent")
        assert cursor.fetchone() == (1,)
