"""Complements read from a replica: of the counts that serve on the primary, and of no others."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from leafloaf.catalog import replica
from leafloaf.catalog.models import Offer, Product
from leafloaf.storefront import complements_api
from personalization.companions import basket_counts, baskets, companion_lists, meal_groups
from personalization.models import BasketItem, BasketTable, Meal
from tests.calls import Api
from tests.catalog.replica.conftest import Replica, end_of_request
from tests.personalization import orders


@pytest.fixture(autouse=True)
def shop(patient: Replica, settings: Settings) -> None:
    """Of which the replica has everything."""
    settings.COMPLEMENTS_K = 1
    for sku in ("milk", "bread", "jam", "gin"):
        Offer.objects.create(product=Product.objects.create(sku=sku, name=sku.title()), price="2.50")
    orders.sent([["milk", "bread"]] * 8 + [["gin"]] * 20)
    counted()
    caught_up(patient)


def counted() -> None:
    basket_counts.run()
    meal_groups.group()


def caught_up(copy: Replica) -> None:
    def has_all() -> bool:
        wanted = baskets.version()
        return replica.read(lambda: baskets.version() == wanted, baskets.version)

    before = copy.reads["replica"]
    copy.wait(lambda: has_all() and copy.reads["replica"] > before)
    end_of_request()
    copy.before += copy.reads


def found(secret: Api, sku: str = "milk") -> set[str]:
    answer = secret.get(f"/api/v1/products/{sku}/complements")
    assert answer.status_code == 200
    return {item["sku"] for item in answer.json()["items"]}


def test_they_come_from_it_and_are_the_same(copy: Replica, secret: Api) -> None:
    assert found(secret) == {"bread"}
    assert copy.reads == {"replica": 1}
    assert replica.read(lambda: complements_api.found_for("milk", 20), baskets.version) == (
        complements_api.found_for("milk", 20)
    )


def test_a_product_that_there_is_not_is_not_looked_for_twice(copy: Replica, secret: Api) -> None:
    assert secret.get("/api/v1/products/none/complements").status_code == 404
    assert copy.reads == {"replica": 1}


def test_a_count_that_serves_no_more_is_never_read(copy: Replica, secret: Api) -> None:
    """As after an erasure: everything is counted anew, and the replica still has the count before."""
    with copy.paused():
        orders.sent([["milk", "jam"]] * 30)
        basket_counts.mark_dirty()
        counted()
        assert found(secret) == {"bread", "jam"}
        assert set(copy.reads) == {"behind"}
    caught_up(copy)
    assert found(secret) == {"bread", "jam"}
    assert copy.reads == {"replica": 1}


@contextmanager
def standing_still(copy: Replica) -> Iterator[None]:
    """Inside, the replica repeats nothing; afterwards it has everything again."""
    with copy.paused():
        yield
    caught_up(copy)


def listed_some(table: BasketTable) -> bool:
    with basket_counts._turn():
        return companion_lists.refresh(table.pk)


def test_a_count_whose_lists_are_not_made_yet_is_not_read_once_they_are(copy: Replica, secret: Api) -> None:
    """The one is committed before the other, and a replica may have got no further than that."""
    table = BasketTable.objects.get()
    orders.sent([["milk", "jam"]] * 30)
    with basket_counts._turn():
        assert not basket_counts._count(table.pk)
    caught_up(copy)
    assert found(secret) == {"bread"}
    assert copy.reads == {"replica": 1}
    with standing_still(copy):
        listed_some(table)
        assert found(secret) == {"bread", "jam"}
        assert copy.reads == {"replica": 1, "behind": 1}
    assert found(secret) == {"bread", "jam"}
    assert copy.reads == {"replica": 1}


def test_lists_made_anew_for_more_shoppers_are_read_each_as_it_is(
    copy: Replica, secret: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many transactions as there are lists, and only the first changes how many shoppers are needed."""
    monkeypatch.setattr(companion_lists, "ITEMS_AT_ONCE", 1)
    settings.COMPLEMENTS_K = 33  # more than there are lots
    table = BasketTable.objects.get()
    last = BasketItem.objects.filter(key__in=["milk", "bread"]).latest("pk").key
    assert listed_some(table)
    caught_up(copy)
    assert len(found(secret, last)) == 1
    with standing_still(copy):
        versions = [baskets.version()]
        while listed_some(table):
            versions.append(baskets.version())
        assert len(set(versions)) == len(versions) == 3
        assert found(secret, last) == set()
        assert copy.reads == {"replica": 1, "behind": 1}
    assert found(secret, last) == set()
    assert copy.reads == {"replica": 1}


@pytest.mark.parametrize("change", ["stock", "count", "meals"])
def test_whatever_changes_an_answer_changes_its_version(change: str) -> None:
    before = baskets.version()
    if change == "stock":
        Offer.objects.filter(product__sku="bread").update(in_stock=False)
    elif change == "count":
        orders.sent([["milk", "jam"]])
        basket_counts.run()
    else:
        Meal.objects.create(skus=["milk", "bread"], score=1, lift=2, made_at=datetime.now(UTC))
    assert baskets.version() != before
