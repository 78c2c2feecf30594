"""What came of recommendations: exact, whatever is sent twice and however often it is counted."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import uuid6
from django.core.management import call_command
from django.db import transaction

from personalization.learning import learned
from personalization.models import Exposure, ExposureCount, ExposureOutcome, RecommendationMishap
from personalization.recommending import attribution, exposures, mishaps, recommend
from personalization.recommending.recommend import Recommendations
from personalization.signals import people
from tests.personalization import grocery
from tests.personalization.grocery import NOW, USER, allow, buys, cart, clicked, order, send


@pytest.fixture(autouse=True)
def shop(log: None) -> Iterator[None]:
    """Somebody who buys apples and milk every week."""
    learned.forget()
    grocery.stock()
    buys("apple", "milk", days_ago=(21, 14))
    yield
    learned.forget()


def shown(user: str | None = USER, search_id: str | None = None) -> Recommendations:
    """A list for the person, logged as the shop does it."""
    person = people.known(user)
    found = recommend.for_person(person, NOW, 20)
    assert exposures.record(found, person.subject_id if person else None, "home", NOW, search_id)
    return found


def counted() -> tuple[int, int, int, int]:
    """Impressions, clicks, adds and purchases of all that is bought again."""
    attribution.count()
    rows = ExposureCount.objects.filter(source="reorder").values_list(
        "impressions", "clicks", "adds", "purchases"
    )
    sums = [sum(column) for column in zip(*rows, strict=True)]
    return (sums[0], sums[1], sums[2], sums[3]) if sums else (0, 0, 0, 0)


def test_a_list_is_logged_slot_by_slot() -> None:
    found = shown()
    row = Exposure.objects.get()
    person = people.known(USER)
    assert person
    assert (str(row.list_id), row.subject_id, row.surface, row.shown_at) == (
        found.list_id,
        person.subject_id,
        "home",
        NOW,
    )
    assert row.items == [
        {
            "slot": slot,
            "position": slot + 1,
            "sku": item.sku,
            "score": round(item.score, 6),
            "source": item.source,
            "reasons": list(item.reasons),
        }
        for slot, item in enumerate(found.items)
    ]


def test_each_outcome_counts_once_however_often_it_is_sent_and_counted() -> None:
    found = shown()
    click = clicked("apple", search_id=found.list_id) | {"event_id": "one"}
    for _ in range(3):
        send(click)
    send(clicked("apple", search_id=found.list_id), cart("apple", search_id=found.list_id))
    assert counted() == (2, 1, 1, 0)
    send(click, clicked("milk", search_id=found.list_id))
    assert counted() == (2, 2, 1, 0)
    assert counted() == (2, 2, 1, 0)


def test_a_purchase_belongs_to_the_list_that_led_to_it() -> None:
    first, second = shown(), shown()
    send(clicked("apple", search_id=first.list_id), at=NOW - timedelta(minutes=9))
    send(cart("apple", search_id=second.list_id), at=NOW - timedelta(minutes=5))
    send(order("apple", "milk"))
    assert counted() == (4, 1, 1, 1)
    bought = ExposureOutcome.objects.get(kind="purchase")
    assert (str(bought.list_id), bought.product_id) == (second.list_id, "apple")
    send(order("apple"))
    assert counted() == (4, 1, 1, 1)


def test_a_purchase_after_a_week_or_by_another_belongs_to_none() -> None:
    found = shown()
    send(cart("apple", search_id=found.list_id))
    attribution.count()
    ExposureOutcome.objects.update(occurred_at=NOW - timedelta(days=8))
    send(order("apple"))
    send(order("apple"), user="somebody else")
    assert counted() == (2, 0, 1, 0)


def test_the_id_of_the_search_it_came_with_names_a_list_too() -> None:
    search_id = str(uuid6.uuid7())
    shown(search_id=search_id)
    send(clicked("apple", search_id=search_id), clicked("steak", search_id=search_id))
    assert counted() == (2, 1, 0, 0)


def test_what_names_no_list_or_another_persons_counts_for_none() -> None:
    found = shown()
    send(clicked("apple", search_id="no uuid"), clicked("apple", search_id=str(uuid4())), clicked("apple"))
    send(clicked("apple", search_id=found.list_id), user="somebody else")
    send(clicked("wheat-bread", search_id=found.list_id))
    assert counted() == (2, 0, 0, 0)


def test_an_order_of_nobody_known_may_name_its_list() -> None:
    found = shown(user=USER)
    send(order("apple", metadata={"search_id": found.list_id}), user=None)
    assert counted() == (2, 0, 0, 1)


def test_what_is_not_committed_yet_is_counted_later_and_once() -> None:
    found = shown()
    with transaction.atomic():
        send(clicked("apple", search_id=found.list_id))
        assert not ExposureOutcome.objects.exists()
    assert counted() == (2, 1, 0, 0)


def test_purchases_of_who_does_not_want_them_used_are_not_attributed() -> None:
    found = shown()
    send(cart("apple", search_id=found.list_id))
    allow(purchase_history=False)
    send(order("apple"))
    assert counted() == (2, 0, 1, 0)


def test_counts_stand_by_the_day_surface_and_model_of_the_list() -> None:
    shown()
    attribution.count()
    rows = ExposureCount.objects.filter(source="reorder").values_list("day", "surface", "model_version")
    assert list(rows) == [(NOW.date(), "home", "")]


def test_lists_are_pruned_by_age_and_by_what_their_person_allows() -> None:
    old, young = shown(), shown()
    nobody = shown(user=None)
    send(clicked("apple", search_id=old.list_id))
    attribution.count()
    Exposure.objects.filter(list_id=old.list_id).update(shown_at=NOW - timedelta(days=91))
    Exposure.objects.filter(list_id=nobody.list_id).update(shown_at=NOW - timedelta(days=40))
    Exposure.objects.filter(list_id=young.list_id).update(shown_at=NOW - timedelta(days=40))
    call_command("prune_recommendations")
    assert {str(one) for one in Exposure.objects.values_list("list_id", flat=True)} == {
        young.list_id,
        nobody.list_id,
    }
    assert not ExposureOutcome.objects.exists()
    allow(data_retention_days=30)
    call_command("prune_recommendations")
    assert [str(one) for one in Exposure.objects.values_list("list_id", flat=True)] == [nobody.list_id]


def test_all_lists_of_a_person_can_be_forgotten() -> None:
    found = shown()
    other = shown(user=None)
    send(clicked("apple", search_id=found.list_id))
    attribution.count()
    person = people.known(USER)
    assert person
    assert exposures.forget(person.subject_id) == 1
    assert [str(one) for one in Exposure.objects.values_list("list_id", flat=True)] == [other.list_id]
    assert not ExposureOutcome.objects.exists()


def test_a_list_that_cannot_be_logged_fails_nothing_and_is_counted() -> None:
    before = mishaps.totals().get(mishaps.UNLOGGED, 0)
    person = people.known(USER)
    found = recommend.for_person(person, NOW, 20)
    with grocery.locked("personalization_exposure"):
        assert not exposures.record(found, None, "home", NOW)
    assert mishaps.totals()[mishaps.UNLOGGED] == before + 1
    assert sum(RecommendationMishap.objects.filter(kind="unlogged").values_list("count", flat=True)) >= 1
    assert exposures.record(found, None, "home", NOW)
