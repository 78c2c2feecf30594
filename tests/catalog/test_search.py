from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leafloaf.catalog.models import Product
from leafloaf.catalog.search import Facet, Filters, Page, Relaxed, Sort, search

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db


def names(page: Page) -> list[str]:
    return [hit.name for hit in page.results]


@pytest.fixture
def shop(make_product: MakeProduct) -> None:
    """A small shop: two milks, an oat drink, and bread."""
    make_product(
        "Organic Milk 2%", brand="Laiterie Nord", category="Dairy > Milk", price="5.99", dietary=["organic"]
    )
    make_product(
        "Chocolate Milk", brand="Laiterie Nord", category="Dairy > Milk", price="3.50", in_stock=False
    )
    make_product(
        "Oat Drink", brand="Avoine", category="Drinks > Plant", price="4.00", dietary=["organic", "gluten-free"],
        description="Good instead of milk",
    )  # fmt: skip
    make_product("Country Bread", category="Bakery")


def test_a_word_finds_the_products_that_have_it_best_field_first(shop: None) -> None:
    page = search("milk")
    assert names(page)[-1] == "Oat Drink"  # only its description speaks of milk
    assert page.total == 3
    assert page.corrected_query is None


def test_scores_fall_from_one_and_positions_rise_over_pages(shop: None) -> None:
    first, second = search("milk", limit=2), search("milk", limit=2, offset=2)
    scores = [hit.score for hit in first.results + second.results]
    assert scores[0] == 1.0
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    assert [hit.position for hit in first.results + second.results] == [1, 2, 3]
    assert first.total == second.total == 3


@pytest.mark.parametrize("query", ["2% milk", "2 % milk", "MILK 2%", "milks, 2%"])
def test_a_percentage_is_one_word_however_it_is_written(shop: None, query: str) -> None:
    page = search(query)
    assert names(page)[0] == "Organic Milk 2%"
    # the other milks follow, and it is said as it was written
    assert page.relaxed == Relaxed(("2 %" if "2 %" in query else "2%",), full=1)


@pytest.mark.parametrize("query", ["pates", "pâtes", "PÂTES", "pâte"])
@pytest.mark.parametrize("name", ["Pâtes fraîches", "Pates fraiches"])
def test_accents_do_not_matter_on_either_side(make_product: MakeProduct, query: str, name: str) -> None:
    make_product(name)
    assert names(search(query)) == [name]


@pytest.mark.parametrize("query", ["huile d'olive", "l’huile d'olive", "huile olive", "huile de olive"])
def test_french_articles_neither_hide_nor_are_needed(make_product: MakeProduct, query: str) -> None:
    make_product("Huile d'olive vierge")
    assert names(search(query)) == ["Huile d'olive vierge"]


@pytest.mark.parametrize("query", ["choc", "milk choco", "organi", "laiter"])
def test_the_last_word_may_be_unfinished(shop: None, query: str) -> None:
    assert search(query).results


def test_two_letters_are_too_few_for_a_beginning(shop: None) -> None:
    assert search("ch").total == 0


def test_all_words_come_before_any_and_more_words_before_fewer(shop: None) -> None:
    assert names(search("chocolate milk"))[0] == "Chocolate Milk"
    assert names(search("organic milk zebra"))[0] == "Organic Milk 2%"
    assert search("organic milk zebra").total == 3


def test_products_without_all_the_words_follow_only_few_that_have_them(make_product: MakeProduct) -> None:
    for n in range(9):
        make_product(f"Oat milk {n}")
    make_product("Milk")
    page = search("oat milk")
    assert (page.total, page.relaxed) == (10, Relaxed(("oat",), full=9))
    make_product("Oat milk 10")
    page = search("oat milk")
    assert (page.total, page.relaxed) == (10, None)
    assert search("oat milk", sort=Sort.NAME).total == 10


@pytest.mark.parametrize("sort", [Sort.PRICE_ASC, Sort.PRICE_DESC, Sort.NAME])
def test_by_price_or_name_no_product_without_all_the_words_stands_between(shop: None, sort: Sort) -> None:
    assert names(search("chocolate milk", sort=sort)) == ["Chocolate Milk"]
    assert search("milk zebra", sort=sort).relaxed == Relaxed(("zebra",), full=0)


def test_words_side_by_side_come_before_words_apart(make_product: MakeProduct) -> None:
    make_product("Garlic and butter bread")
    make_product("Butter and garlic bread")
    assert names(search("garlic bread"))[0] == "Butter and garlic bread"
    assert names(search("butter bread"))[0] == "Garlic and butter bread"


def test_the_thing_itself_comes_before_what_is_made_with_it(make_product: MakeProduct) -> None:
    make_product("Milk Chocolate")
    make_product("Chocolate Milk")
    assert names(search("milk"))[0] == "Chocolate Milk"
    assert names(search("chocolate"))[0] == "Milk Chocolate"


def test_an_exact_name_and_a_whole_brand_come_first(make_product: MakeProduct) -> None:
    make_product("Coffee and coffee and more coffee")
    make_product("Coffee")
    make_product("Beans for coffee", brand="Moka Nord")
    assert names(search("coffee"))[0] == "Coffee"
    assert names(search("moka nord coffee"))[0] == "Beans for coffee"


@pytest.mark.parametrize("query", ["", "   ", "\t\n"])
def test_an_empty_query_browses_in_stock_first_then_by_name(shop: None, query: str) -> None:
    page = search(query)
    assert names(page) == ["Country Bread", "Oat Drink", "Organic Milk 2%", "Chocolate Milk"]
    assert {hit.score for hit in page.results} == {1.0}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(category="Dairy"), {"Organic Milk 2%", "Chocolate Milk"}),
        (Filters(category="dairy > milk"), {"Organic Milk 2%", "Chocolate Milk"}),
        (Filters(category=["Plant", "bakery"]), {"Oat Drink", "Country Bread"}),
        (Filters(category="Dair"), set()),
        (Filters(category="???"), set()),
        (Filters(brand="avoine"), {"Oat Drink"}),
        (Filters(brand=["Avoine", "Laiterie Nord"]), {"Oat Drink", "Organic Milk 2%", "Chocolate Milk"}),
        (Filters(dietary="Organic"), {"Organic Milk 2%", "Oat Drink"}),
        (Filters(dietary=["organic", "gluten free"]), {"Oat Drink"}),
        (Filters(price_max=4.0), {"Oat Drink", "Chocolate Milk"}),
        (Filters(price_min=Decimal("4.00"), price_max=5), {"Oat Drink"}),
        (Filters(in_stock=True), {"Organic Milk 2%", "Oat Drink", "Country Bread"}),
        (Filters(in_stock=False), {"Chocolate Milk"}),
        (Filters(brand="'; DROP TABLE catalog_product; --"), set()),
    ],
)
def test_filters_keep_what_they_say(shop: None, filters: Filters, found: set[str]) -> None:
    page = search("", filters=filters)
    assert set(names(page)) == found
    assert page.total == len(found)


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        (Sort.PRICE_ASC, "Chocolate Milk", "Country Bread"),
        (Sort.PRICE_DESC, "Organic Milk 2%", "Country Bread"),
        (Sort.NAME, "Chocolate Milk", "Organic Milk 2%"),
    ],
)
def test_results_sort_by_price_and_name_without_a_price_last(
    shop: None, sort: Sort, first: str, last: str
) -> None:
    found = names(search("", sort=sort))
    assert (found[0], found[-1]) == (first, last)


def test_facets_count_the_whole_match_by_count_then_value(shop: None) -> None:
    page = search("", limit=1)
    assert page.facets == {
        "category": [Facet("Dairy", 2), Facet("Bakery", 1), Facet("Drinks", 1)],
        "brand": [Facet("Laiterie Nord", 2), Facet("Avoine", 1)],
        "dietary": [Facet("organic", 2), Facet("gluten-free", 1)],
    }


def test_category_and_brand_facets_leave_their_own_filter_out(shop: None) -> None:
    facets = search("", filters=Filters(brand="Avoine")).facets
    assert facets["brand"] == [Facet("Laiterie Nord", 2), Facet("Avoine", 1)]
    assert facets["category"] == [Facet("Drinks", 1)]
    assert facets["dietary"] == [Facet("gluten-free", 1), Facet("organic", 1)]
    assert len(search("", filters=Filters(category="Dairy")).facets["category"]) == 3


def test_a_hit_carries_the_product_price_and_stock(shop: None) -> None:
    (hit,) = search("oat").results
    assert (hit.sku, hit.brand, hit.category) == ("Oat Drink", "Avoine", "Drinks > Plant")
    assert (hit.price, hit.currency, hit.in_stock) == (Decimal("4.00"), "CAD", True)
    assert hit.dietary == ("organic", "gluten-free")


HOSTILE = [
    "the", "a", "de la", "???", "'", '"', "\\", "a & b | !c", "milk:*", "<->", "\0", "mi\0lk", "🍎", "🍎 milk",
    "x" * 256, "a " * 128, "%s %(key)s {query}", "'; DROP TABLE catalog_product; --", "\ud800", "牛乳", "...",
    "1.2.3.4",
    "=milk", "milk' OR '1'='1", "ي\u0651", "http://example.com/milk?a=b", "e@mail.com", "-1", "1e999",
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE)
def test_no_query_is_an_error(shop: None, query: str) -> None:
    assert search(query).total <= 4


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=256))
def test_no_text_at_all_is_an_error(db: None, query: str) -> None:
    assert search(query, filters=Filters(category=query, brand=[query], dietary=query)).total == 0


def test_small_words_alone_are_looked_for_as_they_are(make_product: MakeProduct) -> None:
    make_product("The")
    assert names(search("the")) == ["The"]
