"""What is understood in a query's words becomes filters, is shown, and is given up when nothing is left."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from leafloaf.catalog.models import Product
from tests.calls import Api

pytestmark = [pytest.mark.usefixtures("demo_shop"), pytest.mark.django_db]

URL = "/api/v1/search"


def found(api: Api, query: str, **asked: Any) -> Any:
    response = api.post(URL, {"query": query} | asked)
    assert response.status_code == 200, response.content
    return response.json()


def test_a_price_bound_and_a_diet_become_filters_and_leave_the_words(secret: Api) -> None:
    answer = found(secret, "gluten free bread under 8", limit=50)
    assert answer["applied_filters"] == {"dietary": ["gluten-free"], "price_max": "8.00"}
    assert answer["conversation"]["entities"] == {"dietary": ["gluten-free"], "price_max": 8.0}
    assert answer["relaxed"] is None or answer["relaxed"]["filters"] == []
    assert answer["results"]
    for result in answer["results"]:
        assert Decimal(result["price"]) <= 8
        assert "gluten-free" in result["dietary"] or "gluten-free" in result["name"].lower()


def test_the_tighter_of_two_price_bounds_holds(secret: Api) -> None:
    for said, asked in ((4, 6), (6, 4)):
        answer = found(secret, f"cheese under {said}", filters={"price_max": asked}, limit=50)
        assert all(Decimal(result["price"]) <= 4 for result in answer["results"])


def test_nothing_understood_is_an_empty_object(secret: Api) -> None:
    answer = found(secret, "cheddar")
    assert (answer["applied_filters"], answer["relaxed"]) == ({}, None)


def test_a_diet_that_leaves_nothing_is_given_up_and_that_is_said(secret: Api) -> None:
    answer = found(secret, "vegan beef")
    if answer["relaxed"] and "dietary" in answer["relaxed"]["filters"]:
        assert answer["applied_filters"] == {}
        assert answer["results"]
    else:
        assert "vegan" in answer["results"][0]["dietary"]


def test_a_price_that_leaves_nothing_is_given_up_and_that_is_said(secret: Api) -> None:
    answer = found(secret, "halal chicken under 0.02")
    assert answer["results"]
    assert answer["relaxed"]["filters"] == ["price_max"]
    assert answer["applied_filters"] == {"dietary": ["halal"]}


def test_a_word_that_no_product_has_is_dropped_and_named(secret: Api) -> None:
    answer = found(secret, "cheddar zzqqxx")
    assert answer["results"]
    assert answer["relaxed"] == {"dropped": ["zzqqxx"], "full": 0, "filters": []}


def test_a_correction_is_shown_with_the_results_it_led_to(secret: Api) -> None:
    answer = found(secret, "chedar cheeze")
    assert answer["corrected_query"] == "cheddar cheese"
    assert "cheddar" in answer["results"][0]["name"].lower()


def test_names_are_marked_where_they_match(secret: Api) -> None:
    result = found(secret, "cheddar")["results"][0]
    marks = [result["name"][mark["start"] : mark["stop"]].lower() for mark in result["highlights"]]
    assert "cheddar" in marks


def test_each_score_is_explained_when_that_is_asked(secret: Api) -> None:
    plain, told = found(secret, "aged cheddar", limit=3), found(secret, "aged cheddar", limit=3, explain=True)
    assert all("explanation" not in result for result in plain["results"])
    for result in told["results"]:
        why = result["explanation"]
        assert {part["word"] for part in why["parts"]} <= {"aged", "cheddar"}
        assert why["keyword"] > 0
        assert 0 < why["coverage"] <= 1


def test_without_vectors_the_alpha_in_effect_is_zero(secret: Api) -> None:
    execution = found(secret, "cheddar", alpha=0.7)["execution"]
    assert (execution["alpha"], execution["semantic"]) == (0.0, "absent")
    assert found(secret, "cheddar", alpha=0)["execution"]["semantic"] == "off"


@pytest.fixture
def slow_shop(settings: Settings) -> Iterator[None]:
    """Every search takes longer than it may."""
    settings.SEARCH_TIMEOUT_SECONDS = 0.05
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog_statistics RENAME TO catalog_statistics_kept")
        cursor.execute(
            "CREATE VIEW catalog_statistics AS SELECT s.* FROM catalog_statistics_kept s, pg_sleep(5) OFFSET 0"
        )
        yield
        cursor.execute("DROP VIEW catalog_statistics")
        cursor.execute("ALTER TABLE catalog_statistics_kept RENAME TO catalog_statistics")


@pytest.mark.usefixtures("slow_shop")
def test_a_search_that_takes_too_long_is_a_problem_that_says_when_to_try_again(secret: Api) -> None:
    response = secret.post(URL, {"query": "a search nobody kept", "filters": {"in_stock": True}})
    assert (response.status_code, response.json()["code"]) == (503, "search_timeout")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "1"


NOTHING_TO_LOOK_FOR = ["???", "🍎", "'", '"', "\\", "& | !", "<->", "...", "%", "()"]
HOSTILE = [
    *NOTHING_TO_LOOK_FOR,
    "x" * 256,
    "a " * 128,
    "the of and",
    "milk' OR '1'='1",
    "'; DROP TABLE catalog_product; --",
    "milk & !cheese | (bread)",
    ".*+?^${}()|[]\\",
    "^milk @oatly =bread",
    "حليب طازج",
    "‮milk‬",
    "牛乳",
    "🍎🍏 apple",
    "-1e999 0x41 1.2.3.4",
    "%s %(terms)s {best}",
    " ".join(f"qz{n}" for n in range(48)),
]


@pytest.mark.parametrize("query", HOSTILE)
def test_no_query_is_an_error_or_finds_the_whole_shop(secret: Api, query: str) -> None:
    answer = found(secret, query)
    assert answer["query"] == query
    assert answer["total"] < Product.objects.count()


@pytest.mark.parametrize("query", NOTHING_TO_LOOK_FOR)
def test_a_query_without_a_word_finds_nothing(secret: Api, query: str) -> None:
    assert found(secret, query)["results"] == []
