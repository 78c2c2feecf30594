"""Pages that are kept: for whom, for how long, and when not. Through HTTP, on a real Redis."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from django_redis import get_redis_connection
from pytest_django import Settings

from capture.models import Event
from leafloaf.catalog.models import Offer, Product
from leafloaf.lib import cache
from leafloaf.stack.throwaway import ThrowawayStack
from leafloaf.storefront import answers, intent
from privacy.models import Subject
from tests.calls import Api, cart

URL = "/api/v1/search"


@pytest.fixture(autouse=True)
def redis(stack: ThrowawayStack) -> Iterator[None]:
    if "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    cache._quiet.until = 0.0
    get_redis_connection("default").flushdb()
    yield
    cache._quiet.until = 0.0


@pytest.fixture
def shop(demo_shop: None, db: None) -> None:
    """The demo catalogue, with a key in the same transaction."""


def ask(api: Api, query: str, **asked: Any) -> Any:
    response = api.post(URL, {"query": query} | asked)
    assert response.status_code == 200, response.content
    return response.json()


def where(api: Api, query: str, **asked: Any) -> str:
    return str(ask(api, query, **asked)["execution"]["cache"])


def page_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in {"search_id", "execution"}}


@pytest.mark.usefixtures("shop")
def test_the_same_question_is_worked_out_once_and_recorded_each_time(publishable: Api) -> None:
    first, second = ask(publishable, "organic milk"), ask(publishable, "organic milk")
    assert (first["execution"]["cache"], second["execution"]["cache"]) == ("miss", "hit")
    assert page_of(first) == page_of(second)
    assert first["search_id"] != second["search_id"]
    kept = [event.payload for event in Event.objects.order_by("id")]
    assert [payload["search_id"] for payload in kept] == [first["search_id"], second["search_id"]]
    said = [
        {k: v for k, v in payload.items() if k not in {"search_id", "response_time_ms"}} for payload in kept
    ]
    assert said[0] == said[1]
    assert said[0]["result_skus"] == [result["sku"] for result in first["results"]]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    "changed",
    [
        {"limit": 3},
        {"offset": 2},
        {"sort": "price_asc"},
        {"filters": {"in_stock": True}},
        {"alpha": 0.0},
    ],
)
def test_another_question_is_another_page(publishable: Api, changed: dict[str, Any]) -> None:
    ask(publishable, "milk")
    assert where(publishable, "milk", **changed) == "miss"
    assert where(publishable, "milk", **changed) == "hit"


@pytest.mark.usefixtures("shop")
def test_what_is_understood_anew_is_another_page(publishable: Api, settings: Settings) -> None:
    """Names of the catalogue are read again within a minute: a page made with older ones does not outlive them."""
    assert [where(publishable, "oat barista") for _ in range(2)] == ["miss", "hit"]
    understood = intent.of("oat barista")
    with patch.object(intent, "of", lambda query: replace(understood, confidence=0.5)):
        assert where(publishable, "oat barista") == "miss"
    settings.SEARCH_ALPHA = 0.0
    assert where(publishable, "oat barista") == "miss"


@pytest.mark.usefixtures("shop")
def test_a_change_of_the_catalogue_is_seen_by_the_next_who_asks(publishable: Api) -> None:
    before = ask(publishable, "milk")
    sku = before["results"][0]["sku"]
    Offer.objects.filter(product__sku=sku).update(price="77.77")
    after = ask(publishable, "milk")
    assert after["execution"]["cache"] == "miss"
    assert "77.77" in {result["price"] for result in after["results"]}
    Product.objects.filter(sku=sku).update(name="Milk of another kind")
    assert where(publishable, "milk") == "miss"


@pytest.mark.usefixtures("shop")
def test_a_persons_pages_stand_among_their_own_keys_for_an_hour(secret: Api, settings: Settings) -> None:
    secret.send(*(cart(user_id=user_id) for user_id in ("u-1", "u-2")))
    assert [where(secret, "milk", user_id="u-1") for _ in range(2)] == ["miss", "hit"]
    assert where(secret, "milk", user_id="u-2") == "miss"
    assert where(secret, "milk") == "miss"
    redis = get_redis_connection("default")
    for user_id in ("u-1", "u-2"):
        keys = redis.keys(f"{settings.REDIS_PREFIX}user:{Subject.objects.get(user_id=user_id).id}:cache:*")
        assert len(keys) == 2  # the page, and what is remembered of the person
        for key in keys:
            assert answers.ANYBODY_SECONDS < redis.ttl(key) <= answers.USER_SECONDS
            assert user_id.encode() not in key
    [key] = redis.keys(f"{settings.REDIS_PREFIX}cache:*")
    assert 0 < redis.ttl(key) <= answers.ANYBODY_SECONDS


@pytest.mark.usefixtures("shop")
def test_who_is_not_known_yet_shares_anybodys_page(secret: Api) -> None:
    assert where(secret, "milk") == "miss"
    assert [where(secret, "milk", user_id=user_id) for user_id in ("u-1", "u-2")] == ["hit", "hit"]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    "query", ["add two litres of milk to my cart", "show my order", "order my usual again"]
)
def test_what_is_about_an_order_is_never_kept(publishable: Api, query: str) -> None:
    assert [where(publishable, query) for _ in range(2)] == ["off", "off"]
    assert get_redis_connection("default").keys("*cache:*") == []


@pytest.mark.usefixtures("shop")
def test_an_explanation_is_always_made_anew(publishable: Api) -> None:
    assert [where(publishable, "milk", explain=True) for _ in range(2)] == ["off", "off"]


@pytest.mark.usefixtures("shop")
def test_without_redis_the_answer_is_the_same(publishable: Api, settings: Settings) -> None:
    kept = ask(publishable, "gluten free bread under 5")
    settings.REDIS_ENABLED = False
    made = ask(publishable, "gluten free bread under 5")
    assert made["execution"]["cache"] == "off"
    assert page_of(made) == page_of(kept)


@pytest.mark.usefixtures("shop")
def test_with_redis_killed_searches_are_answered(publishable: Api, stack: ThrowawayStack) -> None:
    stack["redis"].kill()
    try:
        assert [where(publishable, "milk") for _ in range(5)] == ["off"] * 5
    finally:
        stack["redis"].start()
