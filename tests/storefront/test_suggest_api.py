"""GET /api/v1/suggest, through HTTP, over the demo catalogue."""

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings
from django.test import Client

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.storefront.models import SearchQuery, SearchReport
from tests.calls import Api

pytestmark = [pytest.mark.usefixtures("demo_shop"), pytest.mark.django_db]

URL = "/api/v1/suggest"


def suggested(api: Api, q: str, **asked: Any) -> list[dict[str, Any]]:
    response = api.get(f"{URL}?{urlencode({'q': q} | asked)}")
    assert response.status_code == 200, response.content
    answer = response.json()
    assert set(answer) == {"query", "suggestions"}
    assert answer["query"] == q
    found: list[dict[str, Any]] = answer["suggestions"]
    return found


def refused(api: Api, query_string: str) -> list[tuple[str, str]]:
    response = api.get(f"{URL}?{query_string}")
    assert response.status_code == 422, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


def asked(query: str, *, shoppers: int = 50, searches: int = 100, no_results: int = 0) -> None:
    report, _ = SearchReport.objects.get_or_create(range="30d")
    SearchQuery.objects.create(
        report=report, query=query, searches=searches, shoppers=shoppers, no_results=no_results,
        clicked=0, choices=0, places=0,
    )  # fmt: skip


def test_the_answer_has_the_shape_of_the_contract(publishable: Api) -> None:
    found = suggested(publishable, "org")
    assert 0 < len(found) <= 8
    for each in found:
        extra = {"product": {"sku"}, "category": {"category"}}.get(each["type"], set())
        assert set(each) == {"type", "text", "highlight"} | extra
    assert {"type": "query", "text": "organic", "highlight": [[0, 3]]} in found


def test_what_is_suggested_is_found(publishable: Api) -> None:
    for q in ("m", "mi", "choc", "oat", "bre"):
        for each in suggested(publishable, q):
            answer = publishable.post("/api/v1/search", {"query": each["text"], "alpha": 0}).json()
            assert answer["total"], each
            if each["type"] == "product":
                assert publishable.get(f"/api/v1/products/{quote(each['sku'])}").status_code == 200


def test_a_browser_may_keep_the_answer_a_moment(publishable: Api) -> None:
    assert publishable.get(f"{URL}?q=org").headers["Cache-Control"] == "private, max-age=60"
    assert "max-age=60" not in publishable.get(f"{URL}?q=org&limit=0").headers.get("Cache-Control", "")


@pytest.mark.parametrize(
    "q", ["", " ", "???", "😀", "'\"%_\\", "%00", "O'x; DROP", "x" * 256, "\u202eabc", "[(*"]
)
def test_nothing_typed_is_an_error(publishable: Api, q: str) -> None:
    assert isinstance(suggested(publishable, q), list)


def test_nothing_is_suggested_for_nothing(publishable: Api) -> None:
    assert suggested(publishable, "") == suggested(publishable, "!?") == []


@pytest.mark.parametrize(
    ("query_string", "expected"),
    [
        ("", ("/q", "required")),
        (f"q={'x' * 257}", ("/q", "max_length")),
        ("q=a%00b", ("/q", "null_characters_not_allowed")),
        ("q=a&limit=0", ("/limit", "min_value")),
        ("q=a&limit=21", ("/limit", "max_value")),
        ("q=a&limit=x", ("/limit", "invalid")),
        ("q=a&user_id=u1", ("/user_id", "unknown_field")),
    ],
)
def test_what_is_not_valid_is_said(publishable: Api, query_string: str, expected: tuple[str, str]) -> None:
    assert refused(publishable, query_string) == [expected]


def test_bytes_that_are_no_text_are_no_error(publishable: Api) -> None:
    assert publishable.get(f"{URL}?q=%ff%fe%ed%a0%80").status_code == 200


def test_a_key_with_the_scope_is_needed(publishable: Api) -> None:
    assert Client().get(f"{URL}?q=org").status_code == 401
    eventful = Api(keys.create("Events", ApiClient.Kind.SECRET, scopes=["events"]), Client())
    assert eventful.get(f"{URL}?q=org").status_code == 403


def test_pages_of_other_origins_may_ask_with_a_publishable_key(publishable: Api) -> None:
    response = publishable.get(f"{URL}?q=org", Origin="https://shop.example")
    assert response.status_code in (200, 403)
    ApiClient.objects.update(allowed_origins=["https://shop.example"])
    keys.forget()
    response = publishable.get(f"{URL}?q=org", Origin="https://shop.example")
    assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"


def test_past_queries_of_enough_shoppers_that_found_something_come_first(publishable: Api) -> None:
    asked("organic milk for coffee")
    asked("organic coffee secret", shoppers=settings.SEARCH_ANALYTICS_K - 1)
    asked("organic sugar", no_results=90)
    asked("organic zyzzyva")
    found = [each["text"] for each in suggested(publishable, "organic")]
    assert found[0] == "organic milk for coffee"
    assert not {"organic coffee secret", "organic sugar", "organic zyzzyva"} & set(found)


def test_a_card_number_is_never_suggested(publishable: Api) -> None:
    asked("4111111111111111")
    assert suggested(publishable, "4111") == []
