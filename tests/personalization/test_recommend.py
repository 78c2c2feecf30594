"""What is recommended to whom: from events through ingest, on a real database."""

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from leafloaf.catalog.models import Offer, Product
from personalization.aggregation import aggregates, popularity
from personalization.companions import basket_counts
from personalization.learning import fitting, learned
from personalization.models import DailyProduct
from personalization.recommending import dismissals, recommend
from personalization.recommending.candidates import Source
from personalization.recommending.recommend import Recommendations
from personalization.signals import people
from personalization.signals.people import Status
from privacy.models import PrivacySettings
from tests.personalization import grocery
from tests.personalization.grocery import NOW, USER, allow, buys, cart, order, send, viewed


@pytest.fixture(autouse=True)
def shop(log: None, settings: Settings) -> Iterator[None]:
    """A small shop in which three others have bought: bread with milk, and pears."""
    settings.COMPLEMENTS_K = 1  # three shoppers may fall into one lot
    learned.forget()
    grocery.stock()
    for other in ("a", "b", "c"):
        buys("wheat-bread", "milk", user=other, days_ago=(10, 3))
        buys("pear", user=other, days_ago=(2,))
    aggregates.count()
    basket_counts.run(60)
    yield
    learned.forget()


def asked(limit: int = 20, user: str | None = USER, **more: object) -> Recommendations:
    return recommend.for_person(people.known(user), NOW, limit, **more)  # type: ignore[arg-type]


def skus(found: Recommendations) -> list[str]:
    return [item.sku for item in found.items]


def test_what_is_bought_again_and_again_comes_first_with_its_rhythm() -> None:
    buys("apple")
    buys("mince", days_ago=(9,))
    found = asked()
    first = found.items[0]
    day = (NOW - timedelta(days=7)).astimezone(ZoneInfo("America/Toronto"))
    assert (first.sku, first.source) == ("apple", "reorder")
    assert first.reasons == (
        f"You buy this about every 7 days; last on {day.day} {day:%B}",
        "In 3 of your last 4 orders",
    )
    assert found.status == Status.OK
    assert all(0 < item.score <= 1 for item in found.items)


def test_a_single_purchase_is_told_with_its_day() -> None:
    buys("apple", days_ago=(5,))
    day = (NOW - timedelta(days=5)).astimezone(ZoneInfo("America/Toronto"))
    assert asked().items[0].reasons == (f"You bought this on {day.day} {day:%B}",)


def test_what_goes_with_the_cart_is_offered_and_the_cart_itself_is_not() -> None:
    buys("apple")
    send(cart("wheat-bread"))
    found = asked(in_cart=["banana"])
    assert not {"wheat-bread", "banana"} & set(skus(found))
    milk = next(item for item in found.items if item.sku == "milk")
    assert milk.source == "complementary"
    assert milk.reasons[0] == "Often bought with Wheat Bread"


def test_what_was_taken_out_of_the_cart_or_ordered_is_in_it_no_more() -> None:
    send(cart("pear", quantity=2), cart("milk"), at=NOW - timedelta(hours=2))
    send(cart("pear", "remove"), cart("milk", "remove"), at=NOW - timedelta(hours=1))
    send(cart("banana"), at=NOW - timedelta(hours=30))
    assert "pear" not in skus(asked())  # one of two is left
    assert {"milk", "banana"} <= set(skus(asked()))
    send(order("mince"), at=NOW - timedelta(minutes=5))
    assert "pear" in skus(asked())


def test_nobody_known_is_offered_what_is_popular() -> None:
    found = asked(user=None)
    assert found.status == Status.NO_HISTORY
    assert skus(found)[:3] == ["milk", "pear", "wheat-bread"]
    assert {item.source for item in found.items} == {"popular"}
    assert {item.reasons for item in found.items[:3]} == {("Popular this week",)}


def test_a_shop_in_which_nobody_did_anything_offers_some_of_each_shelf() -> None:
    DailyProduct.objects.all().delete()
    popularity._ranked.cache_clear()
    Offer.objects.filter(product_id=Product.objects.get(sku="cat-food").pk).update(in_stock=False)
    found = asked(user=None)
    shelves = [item.listing.category for item in found.items]
    assert len(set(shelves[:6])) == 6
    assert len(shelves) == len(grocery.SHOP["Pantry > Pasta"]) - 1 + 3 * 4 + 2
    assert {(item.source, item.reasons) for item in found.items} == {("popular", ("From our shelves",))}


def test_who_has_done_nothing_yet_is_nobody_known() -> None:
    allow(user="new")
    assert asked(user="new").status == Status.NO_HISTORY
    assert skus(asked(user="new")) == skus(asked(user=None))


def test_without_consent_there_is_only_what_is_popular() -> None:
    buys("apple")
    send(cart("milk"))
    allow(personalization_enabled=False)
    found = asked(in_cart=["wheat-bread"])
    assert found.status == Status.OFF
    assert skus(found)[:2] == ["milk", "pear"]
    assert {item.source for item in found.items} == {"popular"}
    assert {reason for item in found.items for reason in item.reasons} == {
        "Popular this week",
        "From our shelves",
    }


def test_a_look_at_a_product_is_in_the_next_list() -> None:
    send(viewed("steak"))
    found = asked()
    assert (found.items[0].sku, found.items[0].source) == ("steak", "affinity")
    assert found.items[0].reasons == ("You showed an interest in this",)
    assert found.status == Status.OK


def test_what_is_popular_on_a_shelf_that_is_liked_comes_before_the_rest() -> None:
    buys("cream", days_ago=(1,))
    milk = next(item for item in asked().items if item.sku == "milk")
    assert milk.source == "affinity"
    assert "You like Milk" in milk.reasons


def test_purchases_that_may_not_be_used_are_not() -> None:
    buys("apple")
    send(viewed("steak"))
    allow(purchase_history=False)
    found = asked()
    assert found.items[0].sku == "steak"
    assert not [why for item in found.items for why in item.reasons if "bought" in why or "buy" in why]


def test_what_is_out_of_stock_or_gone_is_not_offered() -> None:
    buys("apple", "banana", "never-sold")
    Offer.objects.filter(product_id=Product.objects.get(sku="apple").pk).update(in_stock=False)
    found = skus(asked())
    assert "banana" in found
    assert not {"apple", "never-sold"} & set(found)


def test_what_was_dismissed_is_never_offered_whatever_the_source_or_the_consent() -> None:
    buys("apple")
    send(cart("wheat-bread"))
    person = people.known(USER)
    assert person
    for sku in ("apple", "milk", "pear"):
        dismissals.add(person.subject_id, sku)
    assert not {"apple", "milk", "pear"} & set(skus(asked()))
    allow(personalization_enabled=False)
    assert not {"apple", "milk", "pear"} & set(skus(asked()))
    dismissals.undo(person.subject_id, "pear")
    assert "pear" in skus(asked())


def rated(sku: str, stars: int) -> dict[str, object]:
    return {"event_type": "interaction", "interaction_type": "rating", "product_id": sku, "rating": stars}


def test_what_was_rated_low_is_not_offered_however_often_it_was_bought_until_it_is_liked_again() -> None:
    buys("apple", days_ago=(3, 2, 1))
    assert {"apple", "milk"} <= {*skus(asked())}
    send(rated("apple", 2), rated("milk", 1), at=NOW - timedelta(hours=2))
    assert not {"apple", "milk"} & {*skus(asked())}
    send(rated("milk", 5), at=NOW - timedelta(hours=1))
    buys("apple", days_ago=(0,))
    assert {"apple", "milk"} <= {*skus(asked())}


def test_what_was_taken_out_of_the_cart_is_no_dislike() -> None:
    send(cart("pear"), at=NOW - timedelta(minutes=10))
    send(cart("pear", "remove"), at=NOW - timedelta(minutes=5))
    assert "pear" in skus(asked())


def test_a_gluten_free_shopper_who_opted_in_is_not_offered_wheat_bread() -> None:
    buys("gf-loaf", "gf-buns", "apple")
    send(cart("milk"))
    assert "wheat-bread" in skus(asked())
    allow(household_inference=True)
    found = skus(asked())
    assert not {"wheat-bread", "rye-bread", "white-bread", "wheat-pasta", "egg-pasta"} & set(found)
    assert {"gf-loaf", "gf-buns", "apple", "pear"} <= set(found)
    allow(household_inference=False)
    assert "wheat-bread" in skus(asked())


def test_even_what_they_bought_themselves_against_their_diet_is_not_offered() -> None:
    buys("gf-loaf", "gf-buns", "rice-pasta", "corn-pasta")
    buys("wheat-bread", days_ago=(5,))
    allow(household_inference=True)
    assert "wheat-bread" not in skus(asked())


def test_once_the_shop_has_learned_what_goes_with_their_own_is_offered_with_the_version() -> None:
    buys("wheat-bread")
    assert asked().model_version == ""
    version = fitting.fit()
    assert version
    assert version.is_active
    learned.forget()
    found = asked()
    assert found.model_version == str(version.pk)
    milk = next(item for item in found.items if item.sku == "milk")
    assert milk.source == "affinity"
    assert "Wheat Bread" in milk.reasons[0]
    assert found.items[0].sku == "wheat-bread"


def test_what_goes_with_the_cart_has_its_places_among_many_habits() -> None:
    grocery.stock({f"Shelf {number}": {f"habit-{number:02}": ()} for number in range(60)})
    buys(*[f"habit-{number:02}" for number in range(60)])
    send(cart("wheat-bread"))
    found = asked()
    assert found.items[3].sku == "milk"
    assert [item.source for item in found.items].count(Source.COMPLEMENTARY) == 1


def test_the_same_question_has_the_same_answer() -> None:
    buys("apple", "milk")
    send(cart("wheat-bread"), viewed("steak"))
    first, second = asked(), asked()
    assert first.items == second.items
    assert first.list_id != second.list_id


def test_a_list_is_as_long_as_asked_and_has_nothing_twice() -> None:
    buys("apple", "milk", "gf-loaf")
    found = skus(asked(limit=3))
    assert len(found) == len(set(found)) == 3
    assert found == skus(asked())[:3]


def test_what_else_is_to_be_left_out_is() -> None:
    buys("apple", "milk")
    assert "apple" not in skus(asked(leave_out=["apple"]))


def test_settings_are_asked_for_in_each_list() -> None:
    buys("apple")
    assert asked().status == Status.OK
    allow(personalization_enabled=False)
    assert asked().status == Status.OFF
    PrivacySettings.objects.all().delete()
    assert asked().status == Status.OK
