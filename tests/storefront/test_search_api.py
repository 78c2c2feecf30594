"""POST /api/v1/search and GET /api/v1/products/{sku}, through HTTP, over the demo catalogue."""

from collections import Counter
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.test import Client, override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture.models import Event
from leafloaf.catalog.models import Offer, Product
from privacy.models import Subject
from tests.calls import Api

pytestmark = [pytest.mark.usefixtures("demo_shop"), pytest.mark.django_db]

URL = "/api/v1/search"
RESULT = {
    "sku",
    "name",
    "brand",
    "category",
    "price",
    "currency",
    "dietary",
    "supplier",
    "in_stock",
    "score",
    "position",
    "reasons",
    "highlights",
}
ANSWER = {
    "search_id",
    "query",
    "results",
    "total",
    "is_estimated",
    "facets",
    "corrected_query",
    "relaxed",
    "applied_filters",
    "conversation",
    "personalization",
    "recommendations",
    "recommendations_status",
    "execution",
}


def found(api: Api, query: str = "", **asked: Any) -> Any:
    response = api.post(URL, {"query": query} | asked)
    assert response.status_code == 200, response.content
    return response.json()


def refused(api: Api, **asked: Any) -> list[tuple[str, str]]:
    """Where and why a search was refused."""
    response = api.post(URL, {"query": "milk"} | asked)
    assert response.status_code == 422, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


def test_the_answer_has_the_shape_of_the_contract(publishable: Api) -> None:
    answer = found(publishable, "whole milk", session_id="session_abc", limit=5)
    assert set(answer) == ANSWER
    assert UUID(answer["search_id"]).version == 7
    assert answer["query"] == "whole milk"
    assert 0 < len(answer["results"]) <= 5
    assert answer["total"] >= len(answer["results"])
    assert answer["corrected_query"] is None
    assert answer["conversation"] == {
        "intent": "product_search",
        "confidence": 0.7,
        "entities": {},
        "rule": "plain words",
        "acts": [],
    }
    assert answer["personalization"] == {"applied": False}
    assert (answer["recommendations"], answer["recommendations_status"]) == ([], "no_history")


def test_a_result_is_a_product_as_shoppers_see_it(secret: Api) -> None:
    results = found(secret, "organic milk")["results"]
    assert all(set(result) == RESULT for result in results)
    assert [result["position"] for result in results] == list(range(1, len(results) + 1))
    assert results[0]["score"] == 1.0
    assert all(0 <= result["score"] <= 1 for result in results)
    assert {result["currency"] for result in results} == {"CAD"}
    assert all(isinstance(result["price"], str) and Decimal(result["price"]) > 0 for result in results)


def test_facets_are_values_with_counts(secret: Api) -> None:
    facets = found(secret, "milk")["facets"]
    assert set(facets) == {"category", "brand", "dietary"}
    for values in facets.values():
        assert values
        assert all(set(value) == {"value", "count"} for value in values)


def test_the_time_is_accounted_for(secret: Api) -> None:
    with override_settings(REDIS_ENABLED=False):  # test_search_cache.py has the pages that are kept
        execution = found(secret, "milk")["execution"]
    parts = {"search_ms", "personalization_ms", "recommendations_ms", "capture_ms"}
    assert set(execution) == parts | {"total_time_ms", "cache", "alpha", "semantic"}
    assert execution["cache"] == "off"
    assert execution["alpha"] == 0
    assert sum(execution[part] for part in parts) <= execution["total_time_ms"] + 0.2


@pytest.mark.parametrize("query", ["", " ", "\t\n", "the of"])
def test_an_empty_query_browses(secret: Api, query: str) -> None:
    answer = found(secret, query, limit=3)
    assert len(answer["results"]) == 3
    assert answer["query"] == query


def test_browsing_shows_the_whole_shop(secret: Api) -> None:
    answer = found(secret)
    assert answer["total"] == Product.objects.count()
    assert answer["conversation"]["intent"] == "browse_category"
    assert len(answer["results"]) == 20


def test_pages_follow_each_other_and_never_repeat(secret: Api) -> None:
    pages = [found(secret, "cheese", limit=4, offset=offset)["results"] for offset in (0, 4, 8)]
    results = [result for page in pages for result in page]
    assert len({result["sku"] for result in results}) == len(results)
    assert [result["position"] for result in results] == list(range(1, len(results) + 1))


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (100, 0), (100, 10_000), (1, 10_000)])
def test_the_limits_themselves_are_allowed(secret: Api, limit: int, offset: int) -> None:
    assert len(found(secret, limit=limit, offset=offset)["results"]) == (0 if offset else limit)


@pytest.mark.parametrize(
    ("asked", "pointer", "code"),
    [
        ({"query": None}, "/query", "null"),
        ({"query": ["milk"]}, "/query", "invalid"),
        ({"query": "x" * 257}, "/query", "max_length"),
        ({"query": "nul \0 here"}, "/query", "null_characters_not_allowed"),
        ({"limit": 0}, "/limit", "min_value"),
        ({"limit": 101}, "/limit", "max_value"),
        ({"limit": "many"}, "/limit", "invalid"),
        ({"limit": "20"}, "/limit", "invalid"),
        ({"explain": "yes"}, "/explain", "invalid"),
        ({"query": 7}, "/query", "invalid"),
        ({"limit": 10**30}, "/limit", "max_value"),
        ({"limit": 1e300}, "/limit", "max_value"),
        ({"offset": -1}, "/offset", "min_value"),
        ({"offset": 10_001}, "/offset", "max_value"),
        ({"alpha": 1.1}, "/alpha", "max_value"),
        ({"alpha": "nan"}, "/alpha", "invalid"),
        ({"sort": "random"}, "/sort", "invalid_choice"),
        ({"session_id": "x" * 129}, "/session_id", "max_length"),
        ({"user_id": "x" * 129}, "/user_id", "max_length"),
        ({"limits": 5}, "/limits", "unknown_field"),
        ({"a/b~c": 5}, "/a~1b~0c", "unknown_field"),
        ({"filters": []}, "/filters", "invalid"),
        ({"filters": None}, "/filters", "null"),
        ({"filters": {"colour": "red"}}, "/filters/colour", "unknown_field"),
        ({"filters": {"brand": {"name": "x"}}}, "/filters/brand", "not_a_list"),
        ({"filters": {"brand": ["Oatly", ["x"]]}}, "/filters/brand/1", "invalid"),
        ({"filters": {"brand": ["nul \0"]}}, "/filters/brand/0", "null_characters_not_allowed"),
        ({"filters": {"price_max": -1}}, "/filters/price_max", "min_value"),
        ({"filters": {"price_max": "cheap"}}, "/filters/price_max", "invalid"),
        ({"filters": {"price_max": "NaN"}}, "/filters/price_max", "invalid"),
        ({"filters": {"price_min": 1e30}}, "/filters/price_min", "max_value"),
        ({"filters": {"in_stock": "perhaps"}}, "/filters/in_stock", "invalid"),
        ({"filters": {"brand": ["x" * 200] * 30}}, "/filters", "too_large"),
    ],
)
def test_a_wrong_field_is_pointed_at(secret: Api, asked: dict[str, Any], pointer: str, code: str) -> None:
    assert refused(secret, **asked) == [(pointer, code)]
    assert not Event.objects.exists()


def test_a_missing_query_is_pointed_at(secret: Api) -> None:
    assert secret.post(URL, {}).json()["errors"][0]["pointer"] == "/query"


def test_every_wrong_field_is_named_at_once(secret: Api) -> None:
    assert {pointer for pointer, _ in refused(secret, limit=0, sort="x", filters={"price_min": "x"})} == {
        "/limit",
        "/sort",
        "/filters/price_min",
    }


def test_filters_hold_for_every_result(secret: Api) -> None:
    asked = {"dietary": ["organic"], "price_min": 2, "price_max": 8.0, "in_stock": True}
    results = found(secret, filters=asked, limit=100)["results"]
    assert results
    for result in results:
        assert "organic" in result["dietary"]
        assert 2 <= Decimal(result["price"]) <= 8
        assert result["in_stock"]


def test_one_brand_may_be_written_without_a_list(secret: Api) -> None:
    brand = found(secret)["facets"]["brand"][0]["value"]
    alone = found(secret, filters={"brand": brand})
    assert alone["total"] == found(secret, filters={"brand": [brand]})["total"] > 0
    assert {result["brand"] for result in alone["results"]} == {brand}


@pytest.mark.parametrize(("sort", "is_reversed"), [("price_asc", False), ("price_desc", True)])
def test_results_are_sorted_by_price(secret: Api, sort: str, is_reversed: bool) -> None:
    prices = [Decimal(result["price"]) for result in found(secret, sort=sort, limit=50)["results"]]
    assert prices == sorted(prices, reverse=is_reversed)


def test_a_category_or_a_brand_by_its_name_is_understood(secret: Api) -> None:
    category = found(secret)["facets"]["category"][0]["value"]
    meant = found(secret, category.upper())["conversation"]
    assert (meant["intent"], meant["entities"]) == ("browse_category", {"category": category})
    brand = Product.objects.exclude(brand=None).select_related("brand").order_by("sku")[0].brand
    assert brand is not None
    assert found(secret, brand.name)["conversation"]["intent"] == "brand_search"


def test_the_search_is_in_the_log_before_it_is_answered(secret: Api) -> None:
    filters = {"dietary": "organic", "price_max": 20.5}
    answer = found(secret, "milk", user_id="user_123", session_id="session_abc", filters=filters)
    event = Event.objects.get()
    assert (event.event_type, event.event_id) == ("search", answer["search_id"])
    assert event.subject_id == Subject.objects.get(user_id="user_123").id
    assert event.session_id == "session_abc"
    kept, results = event.payload, answer["results"]
    assert results
    assert kept["query"] == "milk"
    assert kept["search_id"] == answer["search_id"]
    assert (kept["intent"], kept["confidence"]) == tuple(
        answer["conversation"][k] for k in ("intent", "confidence")
    )
    assert kept["result_skus"] == [result["sku"] for result in results]
    assert kept["suppliers"] == list(dict.fromkeys(result["supplier"] for result in results))
    assert kept["categories"] == list(dict.fromkeys(result["category"] for result in results))
    assert kept["results_count"] == answer["total"]
    assert kept["filters"] == filters
    assert "user_123" not in str(kept)


def test_a_search_that_finds_nothing_is_recorded_too(secret: Api) -> None:
    assert found(secret, "zzqqxx")["results"] == []
    assert Event.objects.get().payload["results_count"] == 0


def test_a_user_may_be_named_in_the_header(secret: Api) -> None:
    secret.post(URL, {"query": "milk"}, **{"X-User-Id": "user_9"})
    secret.post(URL, {"query": "milk", "user_id": "user_9"}, **{"X-User-Id": "user_9"})
    assert Subject.objects.get().user_id == "user_9"
    assert Event.objects.filter(subject_id=Subject.objects.get().id).count() == 2


def test_header_and_body_may_not_name_two_users(secret: Api) -> None:
    response = secret.post(URL, {"query": "milk", "user_id": "user_1"}, **{"X-User-Id": "user_2"})
    assert (response.status_code, response.json()["code"]) == (403, "user_not_allowed")
    assert not Subject.objects.exists()


@pytest.mark.parametrize("address", [URL, "/api/v1/events"])
def test_a_user_id_in_the_header_may_be_no_longer_than_one_in_the_body(secret: Api, address: str) -> None:
    body = {"query": "milk", "event_type": "search"} if "events" in address else {"query": "milk"}
    response = secret.post(address, body, **{"X-User-Id": "x" * 129})
    assert response.status_code in (202, 422)
    assert "128" in response.content.decode()
    assert not Event.objects.exists()


def test_a_user_id_in_the_header_is_read_as_the_same_text_as_in_the_body(secret: Api) -> None:
    as_a_server_reads_it = "zoé".encode().decode("latin-1")
    response = secret.post(URL, {"query": "milk", "user_id": "zoé"}, **{"X-User-Id": as_a_server_reads_it})
    assert response.status_code == 200, response.content
    assert Subject.objects.get().user_id == "zoé"


@pytest.mark.parametrize("header", [{}, {"X-User-Id": "user_1"}])
def test_a_publishable_key_never_names_a_user(publishable: Api, header: dict[str, str]) -> None:
    body = {"query": "milk"} | ({} if header else {"user_id": "user_1"})
    response = publishable.post(URL, body, **header)
    assert (response.status_code, response.json()["code"]) == (403, "user_not_allowed")
    assert not Subject.objects.exists()
    assert not Event.objects.exists()


HOSTILE = st.one_of(
    st.text(max_size=256),
    st.text(alphabet="\"'\\&|!():*<>%_;- \t\r\n\u200b\u202e\ufeff\x01\x7f$=aé", max_size=60),
    st.lists(
        st.sampled_from(["milk", "'", "\\", "&", "|", "!", "<->", ":*", "(", ")", "--", "$$"]), max_size=12
    ).map(" ".join),
)


@given(query=HOSTILE, name=HOSTILE)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_ever_an_error_of_ours(secret: Api, query: str, name: str) -> None:
    body = {"query": query, "filters": {"brand": [name], "category": name}, "session_id": name or None}
    response = secret.post(URL, body)
    assert response.status_code in (200, 422), response.content
    assert response.json()["status" if response.status_code == 422 else "query"] in (422, query)


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["query", "filters", "brand", "price_max", "limit", "sort", "user_id", "é"]),
                inner,
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_is_ever_an_error_of_ours(secret: Api, body: Any) -> None:
    assert secret.post(URL, body).status_code in (200, 400, 422)


@given(body=st.binary(max_size=60))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_are_ever_an_error_of_ours(secret: Api, body: bytes) -> None:
    assert secret.post(URL, body).status_code in (400, 422)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"query": "\\ud800"}', 400),
        (b'{"query": "milk", "\\ud800": 1}', 400),
        (b'{"query": "milk", "alpha": NaN}', 400),
        (b'{"query":' + b"[" * 100_000, 400),
        (b'{"query":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"query": "milk", "padding": "' + b"x" * 1_100_000 + b'"}', 413),
        ('{"query": "milk"}'.encode("utf-16"), 400),
        (b'{"query": "\xff"}', 400),
        (b"", 422),
    ],
)
def test_a_body_that_is_no_good_json_is_a_problem(secret: Api, body: bytes, status: int) -> None:
    response = secret.post(URL, body)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("charset", ["utf-8", "zip", "hex", "rot13", "idna", "utf-16", "nonsense"])
def test_json_is_utf_8_whatever_the_charset_says(secret: Api, charset: str) -> None:
    body = '{"query": "crème"}'.encode()
    headers = {"Authorization": f"Bearer {secret.key}"}
    response = Client().generic("POST", URL, body, f"application/json; charset={charset}", headers=headers)
    assert (response.status_code, response.json()["query"]) == (200, "crème")


def test_a_product_by_its_sku(publishable: Api) -> None:
    product = Product.objects.filter(offer__price__gt=0).order_by("sku")[0]
    response = publishable.get(f"/api/v1/products/{product.sku}")
    assert response.status_code == 200
    shown = response.json()
    assert set(shown) == (RESULT - {"score", "position", "reasons", "highlights"}) | {
        "size",
        "description",
        "attributes",
    }
    assert (shown["sku"], shown["name"]) == (product.sku, product.name)
    assert Decimal(shown["price"]) == product.offer.price


def test_a_product_is_the_same_in_a_search_and_alone(secret: Api) -> None:
    result = found(secret, "cheese", limit=1)["results"][0]
    alone = secret.get(f"/api/v1/products/{result['sku']}").json()
    assert {key: alone[key] for key in RESULT & set(alone)} == {
        key: result[key] for key in RESULT & set(alone)
    }


@pytest.mark.parametrize(
    "sku", ["none", "x" * 5000, "%00", "nul%00", "%FF%FE", "a%2Fb", "' OR 1=1 --", "%25", "é"]
)
def test_an_unknown_sku_is_not_found(secret: Api, sku: str) -> None:
    response = secret.get(f"/api/v1/products/{sku}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "sku", ["A B", "50%", "A/B", "Ü-1", "a?b#c", "semi;colon&and", "'quote\"", "..", "日本"]
)
def test_a_sku_may_hold_any_character(secret: Api, sku: str) -> None:
    Offer.objects.create(product=Product.objects.create(sku=sku, name="Odd"), price=Decimal("1.50"))
    response = secret.get(f"/api/v1/products/{quote(sku, safe='')}")
    assert (response.status_code, response.json().get("sku")) == (200, sku)


def test_the_demo_names_no_product_twice(secret: Api) -> None:
    skus = [
        result["sku"]
        for offset in range(0, 900, 100)
        for result in found(secret, limit=100, offset=offset)["results"]
    ]
    assert len(skus) == Product.objects.count()
    assert set(Counter(skus).values()) == {1}


def test_another_method_is_not_allowed(secret: Api) -> None:
    response = secret.get(URL)
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "POST, OPTIONS"
    assert Client().get(URL).status_code == 401


def test_a_price_is_given_up_before_a_diet(publishable: Api) -> None:
    """There is no gluten-free bread for less than 5 in the demo shop: wheat would be the wrong answer."""
    answer = found(publishable, "gluten free bread under 5")
    assert answer["relaxed"]["filters"] == ["price_max"]
    assert answer["applied_filters"] == {"dietary": ["gluten-free"]}
    assert answer["results"]
    assert all("gluten-free" in result["dietary"] for result in answer["results"])
    assert "Bread" in answer["results"][0]["name"]


def test_what_is_understood_becomes_filters_and_is_said(publishable: Api) -> None:
    answer = found(publishable, "vegan cheese under 9")
    assert answer["applied_filters"] == {"dietary": ["vegan"], "price_max": "9.00"}
    assert answer["relaxed"] is None
    assert all(Decimal(result["price"]) <= 9 for result in answer["results"])
    assert all("vegan" in result["dietary"] for result in answer["results"])


def test_a_question_about_an_order_shows_no_products(publishable: Api) -> None:
    answer = found(publishable, "where is my order")
    assert answer["conversation"]["intent"] == "support"
    assert (answer["results"], answer["total"], answer["relaxed"]) == ([], 0, None)
