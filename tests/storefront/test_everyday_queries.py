"""What a newcomer types into the demo shop, in English and in French, and what should stand first."""

import re
from typing import Any

import pytest

from leafloaf.catalog.search import Filters, Page, Sort
from leafloaf.storefront import intent, search

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_shop")]


def found(query: str, limit: int = 10) -> Page:
    asked: dict[str, Any] = {
        "query": query,
        "filters": Filters(),
        "filters_given": {},
        "sort": Sort.RELEVANCE,
    }
    nobody: dict[str, Any] = {"user_id": None, "session_id": None, "alpha": 0.0, "explain": False}
    request = search.Request(limit=limit, offset=0, **asked, **nobody)
    return search.find(request, intent.of(query)).page


def lines(page: Page) -> list[str]:
    return [f"{hit.name} | {hit.category}" for hit in page.results]


ALMOND, OAT, SOY = "almond|amande", "oat |avoine", r"\bsoya?\b"


@pytest.mark.parametrize(
    ("queries", "what", "count"),
    [
        ("almond milk|almondmilk|almnd milk|unsweetened almond milk|almond drink", ALMOND, 1),
        ("almond milk|almond drink|boisson d'amande|boisson aux amandes", ALMOND, 5),
        ("lait d'amande|lait d'amandes|lait d’amande|lait amande|lait d'amnade|LAIT D'AMANDE", ALMOND, 5),
        ("oat milk|oatmilk|oat mlik|oat drink|oat beverage", OAT, 7),
        ("lait d'avoine|lait avoine|lait d'avone|boisson d'avoine|boisson à l'avoine", OAT, 7),
        ("soy milk|soya milk|soy mllk|soymilk|soy drink|soya drink", SOY, 5),
        ("lait de soya|lait de soja|lait soya|boisson de soya", SOY, 5),
        ("coconut milk|coconut mlk|lait de coco|lait coco", "coconut milk", 1),
        ("rice milk|rice drink|lait de riz|lait riz|boisson de riz", "boisson de riz", 1),
        ("cashew milk|lait de cajou|boisson de cajou", "cashew drink", 1),
        ("pea milk|lait de pois|boisson aux pois", "boisson aux pois", 1),
    ],
)
def test_a_plant_milk_is_found_by_what_people_call_it(queries: str, what: str, count: int) -> None:
    pages = {query: lines(found(query, count)) for query in queries.split("|")}
    wrong = {
        query: page
        for query, page in pages.items()
        if len([line for line in page if re.search(what, line, re.IGNORECASE)]) < count
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "query",
    [
        "plant milk", "plant based milk", "plant-based milk", "non dairy milk", "non-dairy milk", "nondairy milk",
        "milk alternative", "lait végétal", "lait vegetal", "boisson végétale", "boisson vegetale",
    ],
)  # fmt: skip
def test_plant_milks_in_general_are_no_dairy(query: str) -> None:
    shown = lines(found(query, 6))
    assert [line for line in shown if "Dairy Alternatives > " not in line] == []
    assert len(shown) == 6


@pytest.mark.parametrize("query", ["lait sans lactose", "lait sans latcose", "lactose free milk"])
def test_lactose_free_milk_is_milk_first(query: str) -> None:
    assert re.search(r"lactose.* \| Dairy > Milk", lines(found(query, 1))[0], re.IGNORECASE)


@pytest.mark.parametrize("query", ["vegan cheese", "fromage végétalien", "fromage vegetalien"])
def test_vegan_cheese_comes_from_its_own_shelf(query: str) -> None:
    assert {line.split(" | ")[1] for line in lines(found(query, 2))} == {
        "Dairy Alternatives > Vegan Cheese & Spreads"
    }


@pytest.mark.parametrize("query", ["vegan butter", "beurre végétal", "beurre vegetal"])
def test_who_wants_vegan_butter_sees_the_margarine(query: str) -> None:
    assert any(line.startswith("Vegan Margarine") for line in lines(found(query)))


@pytest.mark.parametrize(
    "query", ["gluten free pasta", "gluten-free pasta", "pâtes sans gluten", "pates sans gluten"]
)
def test_gluten_free_pasta_is_on_the_first_page(query: str) -> None:
    shown = lines(found(query, 3))
    assert {"Gluten-Free Penne | Pantry > Pasta", "Pâtes de lentilles rouges | Pantry > Pasta"} <= set(shown)


@pytest.mark.parametrize("query", ["thé", "the", "Thé", "tea"])
def test_the_french_word_for_tea_finds_tea_and_not_what_has_an_english_article(query: str) -> None:
    assert [line for line in lines(found(query)) if not re.search(r"\btea\b|thé", line, re.IGNORECASE)] == []


def test_a_cereal_is_not_whatever_is_for_breakfast() -> None:
    page = found("cereal", 50)
    assert [hit.name for hit in page.results if hit.category == "Breakfast > Maple Syrup & Honey"] == []
    assert {hit.category for hit in page.results[:8]} <= {"Breakfast > Cereal", "Baby > Food & Formula"}


def test_ketchup_is_not_whatever_is_made_of_tomatoes() -> None:
    assert [line for line in lines(found("ketchup", 50)) if "etchup" not in line] == []
