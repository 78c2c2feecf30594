"""Completions of a query while it is typed."""

from collections.abc import Callable

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leafloaf.catalog import indexing
from leafloaf.catalog.models import Brand, Offer, Product
from leafloaf.catalog.search import search
from leafloaf.catalog.slots import FILLERS
from leafloaf.catalog.suggest import Kind, Suggestion, suggest
from leafloaf.catalog.text import normalise
from tests.catalog.conftest import make_category

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db

NAMES = (
    "Organic Milk 2%", "Organic Whole Milk", "Organic Whole Milk 1 L", "Whole Milk", "Organic Bananas",
    "Banana Bread",
    "Organic Milk Chocolate", "Mac & Cheese", "Mac and Cheese Spirals", "Huile d'olive vierge", "L'huile d'olive",
    "Pâtes fraîches", "Pâtes fraîches aux œufs", "Œufs de poules", "Strawberries", "Strawberry Jam",
    "100% Orange Juice",
)  # fmt: skip


@pytest.fixture
def shop(make_product: MakeProduct) -> None:
    """Counted as after a load."""
    for name in NAMES:
        make_product(name)
    make_product("Oat Drink Barista Edition", brand="Oatly", category="Drinks > Plant Drinks")
    make_product("Oat Drink", brand="The Laughing Oat", category="Drinks > Plant Drinks")
    indexing.refresh()


def texts(query: str, limit: int = 8, kind: Kind | None = None) -> list[str]:
    return [each.text for each in suggest(query, limit=limit) if kind in (None, each.type)]


def highlighted(each: Suggestion) -> list[str]:
    return [each.text[start:stop] for start, stop in each.highlight]


def test_a_beginning_becomes_phrases_of_the_names_the_commonest_first(shop: None) -> None:
    assert texts("org", kind=Kind.QUERY)[:2] == ["organic", "organic milk"]


def test_a_phrase_ends_where_names_end(shop: None) -> None:
    assert "organic whole milk" in texts("organic w", kind=Kind.QUERY)
    assert "organic whole" not in texts("organic w", kind=Kind.QUERY)


def test_each_kind_is_suggested(shop: None) -> None:
    found = {each.type: each for each in reversed(suggest("oat"))}
    assert found[Kind.BRAND].text == "Oatly"
    assert found[Kind.PRODUCT].sku == "Oat Drink Barista Edition"
    assert found[Kind.QUERY].text.startswith("oat")
    (category,) = suggest("plant dr", limit=1)
    assert (category.type, category.text, category.category) == (
        Kind.CATEGORY,
        "Plant Drinks",
        "Drinks > Plant Drinks",
    )


def test_a_category_is_found_by_its_path_too(shop: None) -> None:
    assert "Drinks > Plant Drinks" in texts("drinks > pl", kind=Kind.CATEGORY)


def test_what_begins_so_comes_before_what_has_a_later_word_that_does(shop: None) -> None:
    found = texts("milk", 20)
    assert found.index("milk") < found.index("whole milk")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("PATES fra", "pâtes fraîches"),
        ("pâtes fraî", "pâtes fraîches"),
        ("l'huile d'ol", "Huile d'olive vierge"),
        ("huile ol", "Huile d'olive vierge"),
        ("oeuf", "Œufs de poules"),
        ("mac and ch", "mac & cheese"),
        ("mac ch", "mac & cheese"),
        ("bananas", "banana"),
        ("strawberry", "strawberries"),
        ("strawberries j", "Strawberry Jam"),
        ("laughing", "The Laughing Oat"),
        ("barist", "Oat Drink Barista Edition"),
        ("oatly bar", "Oat Drink Barista Edition"),
        ("100% or", "100% Orange Juice"),
        ("100 % or", "100% Orange Juice"),
        ("organic whole m", "organic whole milk"),
    ],
)
def test_case_marks_elisions_fillers_and_plurals_do_not_matter(shop: None, query: str, expected: str) -> None:
    assert expected in texts(query)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("bananna", "banana"),
        ("mlik", "milk"),
        ("orgamic", "organic"),
        ("ogranic m", "organic milk"),
        ("organic mlik", "organic milk"),
        ("chocalate", "Organic Milk Chocolate"),
        ("barissta", "Oat Drink Barista Edition"),
        ("strawbery", "Strawberry Jam"),
    ],
)
def test_one_typing_error_is_forgiven_when_nothing_begins_so(shop: None, query: str, expected: str) -> None:
    assert expected in texts(query)


def test_two_typing_errors_are_too_many(shop: None) -> None:
    assert texts("ogranic mlik") == []


def test_a_longer_context_is_completed_from_the_products_that_have_it(
    shop: None, make_product: MakeProduct
) -> None:
    make_product("Gluten Free Double Dark Chocolate")
    assert "gluten free double dark chocolate" in [
        text.lower() for text in texts("gluten free double dark choc")
    ]


@pytest.mark.parametrize("query", ["org", "organic mi", "organic milk"])
def test_what_was_typed_is_marked(shop: None, query: str) -> None:
    assert all(highlighted(each) for each in suggest(query))
    found = {each.text: each for each in suggest(query, limit=20)}
    assert found["organic milk"].highlight[0][0] == 0
    assert "".join(highlighted(found["organic milk"])) == query.replace(" ", "")


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("oe", "Œufs de poules", ["Œ"]),
        ("pates fr", "pâtes fraîches", ["pâtes", "fr"]),
        ("hui", "L'huile d'olive", ["hui"]),
        ("bananna", "banana", ["banana"]),
    ],
)
def test_marks_are_of_the_text_as_it_is_written(shop: None, query: str, text: str, marked: list[str]) -> None:
    (found,) = (each for each in suggest(query, limit=20) if each.text == text)
    assert highlighted(found) == marked


def test_a_new_product_is_suggested_at_once_and_a_deleted_one_no_more(
    shop: None, make_product: MakeProduct
) -> None:
    product = make_product("Kombucha")
    assert texts("komb") == ["Kombucha"]
    product.delete()
    assert texts("komb") == []


def test_a_phrase_whose_last_product_is_gone_is_suggested_no_more(shop: None) -> None:
    Product.objects.filter(name__icontains="mac").delete()
    assert texts("mac") == []


def test_what_is_in_stock_comes_before_what_is_not(make_product: MakeProduct) -> None:
    make_product("Kefir", in_stock=False)
    make_product("Kefir Plain")
    assert texts("kef", kind=Kind.PRODUCT) == ["Kefir Plain", "Kefir"]
    Offer.objects.update(in_stock=True)
    assert texts("kef", kind=Kind.PRODUCT) == ["Kefir", "Kefir Plain"]


def test_nothing_is_suggested_twice_in_whatever_kind(make_product: MakeProduct) -> None:
    Brand.objects.create(name="Nobody's")
    for sku in "abc":
        make_product("Fromage Blanc", sku=sku, brand="Fromage  blanc", category="FROMAGE BLANC")
    indexing.refresh()
    (found,) = (each for each in suggest("fro", limit=20) if normalise(each.text) == "fromage blanc")
    assert (found.type, found.text) == (Kind.BRAND, "Fromage  blanc")
    assert texts("nob") == []


def test_past_queries_come_first_when_they_find_something(shop: None) -> None:
    asked = [("organic oat drink", 3), ("milk organic", 900), ("organic unicorn", 500), ("bread", 50)]
    found = [each.text for each in suggest("org", limit=20, asked_before=asked)]
    assert found[0] == "organic oat drink"
    assert "milk organic" in found
    assert "organic unicorn" not in found
    assert "bread" not in found


def test_an_empty_category_is_not_suggested(shop: None) -> None:
    make_category("Drinks > Planetary")
    indexing.refresh()
    assert texts("planetary") == []


@pytest.mark.parametrize("limit", range(1, 21))
def test_no_more_are_given_than_asked_for(shop: None, limit: int) -> None:
    assert 1 <= len(suggest("o", limit=limit)) <= limit


@pytest.mark.parametrize(
    "query",
    ["", " ", "?", "%", "_", "'", '"', "\\", "\0", "😀", "…", "’", "o' OR 1=1 --", "%o%", "[a-", "ＡＢ", "م",
     "x" * 256, "a " * 128],
)  # fmt: skip
def test_no_text_is_an_error(shop: None, query: str) -> None:
    assert isinstance(suggest(query), list)


def test_a_wildcard_is_no_letter(shop: None) -> None:
    assert texts("_rganic") == texts("rganic")
    assert texts("%") == texts("_") == []


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_each_suggestion_searched_has_results_and_asking_again_gives_the_same(
    shop: None, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from((*NAMES, "Oat Drink Barista Edition", "Oatly", "Plant Drinks")))
    start = data.draw(st.integers(0, len(name) - 1))
    query = name[start : data.draw(st.integers(start + 1, len(name)))]
    found = suggest(query)
    assert found == suggest(query)
    assert len({normalise(each.text) for each in found}) == len(found)
    for each in found:
        assert search(each.text, alpha=0).total, each.text
        assert all(0 <= start < stop <= len(each.text) for start, stop in each.highlight)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=40), st.integers(1, 20))
def test_whatever_is_typed_is_answered(shop: None, query: str, limit: int) -> None:
    for each in suggest(query, limit=limit):
        assert search(each.text, alpha=0).total


def test_the_database_leaves_out_the_same_fillers_as_a_plan() -> None:
    with connection.cursor() as cursor:
        for filler in FILLERS:
            cursor.execute("SELECT catalog_content(%s), catalog_content(%s)", [f"{filler} milk", filler])
            assert cursor.fetchone() == ("milk", filler)
