"""What a shopper does changes their very next search, and nobody else's."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from django.test import override_settings
from django_redis import get_redis_connection

from leafloaf.catalog.models import MerchandisingRule, Placement, Product
from leafloaf.lib import cache
from leafloaf.stack.throwaway import ThrowawayStack
from leafloaf.storefront.search import CANDIDATES
from personalization.models import Exposure
from personalization.recommending import rerank
from privacy import consent, subjects
from privacy.models import Actor
from tests.calls import Api, cart, order

pytestmark = [pytest.mark.usefixtures("demo_shop"), pytest.mark.django_db]

ANNA = {"X-User-Id": "anna"}


@pytest.fixture(params=[False, True], ids=["without Redis", "with Redis"])
def redis(request: pytest.FixtureRequest, stack: ThrowawayStack) -> Iterator[None]:
    """Pages are kept, or are not."""
    if request.param and "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    cache._quiet.until = 0.0
    if request.param:
        get_redis_connection("default").flushdb()
    with override_settings(REDIS_ENABLED=request.param):
        yield


def page(api: Api, query: str = "milk", user: str | None = "anna", **asked: Any) -> Any:
    headers = {"X-User-Id": user} if user else {}
    response = api.post("/api/v1/search", {"query": query} | asked, **headers)
    assert response.status_code == 200, response.content
    return response.json()


def skus(answer: Any) -> list[str]:
    return [result["sku"] for result in answer["results"]]


def bought(api: Api, *products: str, user: str = "anna", times: int = 1) -> None:
    for number in range(times):
        items = [{"product_id": product, "quantity": 1, "price": 3} for product in products]
        api.send(order(items=items, order_id=f"o{number}", user_id=user))


def test_what_was_bought_comes_first_among_the_like_and_says_why(secret: Api, redis: None) -> None:
    before = page(secret)
    assert before["personalization"] == {"applied": False}
    chosen = skus(before)[6]
    bought(secret, chosen, times=3)
    after = page(secret)
    assert skus(after).index(chosen) < 6
    assert after["personalization"] == {"applied": True}
    (result,) = [result for result in after["results"] if result["sku"] == chosen]
    assert result["reasons"][0].startswith("You bought this 3 times; last on ")
    assert [result["position"] for result in after["results"]] == list(range(1, len(after["results"]) + 1))


def test_each_event_counts_in_the_very_next_search(secret: Api, redis: None) -> None:
    """Also when every page before was kept."""
    chosen = skus(page(secret))[8]
    places = []
    for _ in range(4):
        secret.send(cart(product_id=chosen, user_id="anna"))
        places.append(skus(page(secret)).index(chosen))
        assert skus(page(secret)).index(chosen) == places[-1]
    assert places == sorted(places, reverse=True)
    assert places[0] < 8


def test_nobody_else_sees_a_difference(secret: Api, redis: None) -> None:
    anonymous = page(secret, user=None)
    bought(secret, skus(anonymous)[7], times=3)
    assert page(secret)["results"] != anonymous["results"]
    for user in (None, "ben"):
        assert page(secret, user=user)["results"] == anonymous["results"]


def test_who_has_no_history_gets_what_anybody_gets(secret: Api) -> None:
    secret.send(cart(product_id="unknown to the shop", user_id="anna"))
    for query in ("milk", "organic bread", "", "something for pancakes"):
        ours, theirs = page(secret, query), page(secret, query, user=None)
        assert [{**result, "reasons": []} for result in ours["results"]] == theirs["results"]


def test_the_results_are_the_same_in_another_order(secret: Api) -> None:
    everything = [skus(page(secret, "", offset=offset)) for offset in (0, 20, 40)]
    bought(secret, *everything[0][5:15], *everything[2][:5])
    personal = [skus(page(secret, "", offset=offset)) for offset in (0, 20, 40)]
    assert personal != everything
    assert sorted(chain(*personal)) == sorted(chain(*everything))
    assert page(secret, "")["facets"] == page(secret, "", user=None)["facets"]


@pytest.mark.parametrize("limit", [7, 25, 40, 50, 100])
def test_pages_of_any_length_hold_every_result_once(secret: Api, limit: int) -> None:
    """Also where one of them ends the part that is put in order."""
    bought(secret, *skus(page(secret, "", limit=70))[5:68:6])
    offsets = range(0, 100, limit)
    shown = [sku for offset in offsets for sku in skus(page(secret, "", limit=limit, offset=offset))]
    assert sorted(shown) == sorted(
        sku for offset in offsets for sku in skus(page(secret, "", limit=limit, offset=offset, user=None))
    )


def test_pages_far_down_stay_as_they_are(secret: Api) -> None:
    bought(secret, *skus(page(secret, ""))[3:9])
    far = page(secret, "", offset=CANDIDATES, user=None)
    assert page(secret, "", offset=CANDIDATES)["results"] == far["results"]


def test_an_order_that_was_asked_for_is_kept(secret: Api) -> None:
    bought(secret, *skus(page(secret))[3:9])
    by_price = page(secret, sort="price_asc", user=None)
    assert page(secret, sort="price_asc")["results"] == by_price["results"]
    assert not page(secret, sort="price_asc")["personalization"]["applied"]


def test_switched_off_it_is_off_for_the_next_search(secret: Api, redis: None) -> None:
    anonymous = page(secret, user=None)
    bought(secret, skus(anonymous)[7], times=3)
    assert page(secret)["personalization"]["applied"]
    consent.change(subjects.resolve(["anna"])["anna"], {"personalization_enabled": False}, Actor.USER)
    after = page(secret)
    assert after["results"] == anonymous["results"]
    assert after["personalization"] == {"applied": False}


def test_a_browser_that_says_no_is_heard(secret: Api) -> None:
    anonymous = page(secret, user=None)
    bought(secret, skus(anonymous)[7], times=3)
    answer = secret.post("/api/v1/search", {"query": "milk"}, **ANNA, **{"Sec-GPC": "1"}).json()
    assert answer["results"] == anonymous["results"]
    seen = cart(product_id=skus(anonymous)[3], user_id="ben")
    assert secret.post("/api/v1/events", seen, **{"Sec-GPC": "1"}).json()["accepted"] == 1
    assert page(secret, user="ben")["personalization"] == {"applied": False}


def test_what_staff_pinned_stays_in_its_place(secret: Api) -> None:
    order_before = skus(page(secret))
    rule = MerchandisingRule.objects.create(name="Milk first", query="milk", action="pin")
    pinned = Product.objects.get(sku=order_before[9])
    Placement.objects.create(rule=rule, product=pinned, position=1)
    bought(secret, *skus(page(secret, user=None))[2:6], times=3)
    answer = page(secret)
    assert skus(answer)[0] == pinned.sku
    assert answer["personalization"]["applied"]


def test_a_disliked_product_goes_down_by_its_bound(secret: Api) -> None:
    first = skus(page(secret))[0]
    rating = {"event_type": "interaction", "interaction_type": "rating", "product_id": first, "rating": 1}
    secret.send(rating | {"user_id": "anna"})
    place = skus(page(secret)).index(first)
    assert 0 < place <= rerank.DOWN


def test_recommendations_stand_beside_the_results(secret: Api) -> None:
    shown = skus(page(secret))
    bought(secret, *shown[:3], *skus(page(secret, "bread"))[:3], times=2)
    answer = page(secret, "coffee")
    assert answer["recommendations_status"] == "ok"
    recommended = [item["sku"] for item in answer["recommendations"]]
    assert set(shown[:3]) <= set(recommended)
    assert not set(recommended) & set(skus(answer))
    assert all(item["reasons"] and item["source"] for item in answer["recommendations"])
    kept = Exposure.objects.get(search_id=answer["search_id"])
    assert [item["sku"] for item in kept.items] == recommended


@pytest.mark.parametrize(
    ("user", "asked", "headers", "status"),
    [
        (None, {}, {}, "no_history"),
        ("ben", {}, {}, "no_history"),
        ("anna", {"recommendations": False}, {}, "off"),
        ("anna", {}, {"Sec-GPC": "1"}, "off"),
    ],
)
def test_there_are_none_for_who_is_nobody_or_wants_none(
    secret: Api, user: str | None, asked: dict[str, Any], headers: dict[str, str], status: str
) -> None:
    bought(secret, *skus(page(secret, user=None))[:3], times=2)
    named = {"X-User-Id": user} if user else {}
    answer = secret.post("/api/v1/search", {"query": "coffee"} | asked, **named, **headers).json()
    assert answer["recommendations_status"] == status
    assert all(item["source"] == "popular" for item in answer["recommendations"])


def test_a_page_that_was_kept_has_new_recommendations(secret: Api, redis: None) -> None:
    before = skus(page(secret))[:3]
    bought(secret, *before, times=2)
    first = page(secret, "coffee")
    assert first["recommendations"]
    secret.post("/api/v1/recommendations/dismissals", {"sku": first["recommendations"][0]["sku"]}, **ANNA)
    second = page(secret, "coffee")
    assert first["recommendations"][0]["sku"] not in [item["sku"] for item in second["recommendations"]]


@override_settings(RECOMMENDATION_TIMEOUT=0.000001)
def test_a_search_does_not_wait_for_recommendations(secret: Api) -> None:
    bought(secret, *skus(page(secret))[:3])
    answer = page(secret)
    assert answer["results"]
    assert (answer["recommendations"], answer["recommendations_status"]) == ([], "timeout")
