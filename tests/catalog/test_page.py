"""What a page says beside its products: where the words are, why each stands where it stands, and time limits."""

from collections.abc import Callable

import pytest
from django.db import connection

from leafloaf.catalog import highlight, legs, plan, shelves
from leafloaf.catalog.deadline import SearchTimeout, within
from leafloaf.catalog.models import Product
from leafloaf.catalog.search import Filters, search

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db


def marked(query: str) -> list[str]:
    return [hit.name[part.start : part.stop] for hit in search(query).results[:1] for part in hit.highlights]


@pytest.mark.parametrize(
    ("name", "query", "words"),
    [
        ("Organic Whole Milk 2%", "milks 2 % organic", ["Organic", "Milk", "2%"]),
        ("Pâtes fraîches à l'œuf", "pates oeufs", ["Pâtes", "l'œuf"]),
        ("Ben & Jerry's Ice Cream", "icecream", ["Ice", "Cream"]),
        ("Bananas", "bananna", ["Bananas"]),
    ],
)
def test_the_words_that_were_found_are_marked_in_the_name(
    make_product: MakeProduct, name: str, query: str, words: list[str]
) -> None:
    for n in range(3):
        make_product(f"Ice cream {n}")  # both words are common enough to be two
    make_product(name)
    page = search(query)
    hit = next(hit for hit in page.results if hit.name == name)
    assert [hit.name[part.start : part.stop] for part in hit.highlights] == words


def test_a_name_that_was_not_looked_for_has_no_marks() -> None:
    assert highlight.Terms.of(plan.Plan(), ["Milk"]).in_("Milk") == []


def test_the_parts_of_a_score_add_up_to_it(make_product: MakeProduct) -> None:
    make_product("Oat Drink Barista", brand="Oatly")
    make_product("Oat Drink")
    first, second = search("oatly oat drink", explain=True).results
    for hit in (first, second):
        why = hit.explanation
        assert why is not None
        total = (sum(part.score for part in why.parts) + why.brand_bonus) * why.coverage
        assert why.keyword == pytest.approx(total)
        for part in why.parts:
            assert part.score == pytest.approx(part.impact * part.idf * part.weight * part.factor)
    assert first.explanation is not None
    assert second.explanation is not None
    assert first.explanation.brand_bonus > second.explanation.brand_bonus == 0
    assert first.explanation.keyword > second.explanation.keyword
    assert any(part.is_head_noun for part in second.explanation.parts)


def test_a_shelf_is_a_part_of_the_score(make_product: MakeProduct) -> None:
    make_product("Whole Milk", category="Dairy > Milk")
    make_product("Dairy Milk", category="Snacks")
    for hit in search("milk", explain=True).results:
        why = hit.explanation
        assert why is not None
        assert why.shelf == (shelves.FACTOR if hit.name == "Whole Milk" else 1)
        assert why.keyword == pytest.approx(sum(part.score for part in why.parts) * why.shelf)


def test_what_was_written_is_shown_as_it_was_written() -> None:
    written = highlight.as_written("Crème 35 % l'huile 2%lait 500g")
    assert written["creme"] == "crème"
    assert written["35pct"] == "35 %"
    assert written["2pct"] == "2%"
    assert written["huile"] == "huile"
    assert written["500"] == "500"


def test_whatever_both_legs_find_has_a_score() -> None:
    standing = legs._standing([3, 1, 2, 4], {3: 1.0, 1: 0.4, 2: 0.0})
    assert [standing[pk] for pk in (3, 1)] == [1.0, 0.4]
    assert 0.4 > standing[2] > standing[4] > 0


def test_nothing_is_explained_unasked(make_product: MakeProduct) -> None:
    make_product("Milk")
    assert search("milk").results[0].explanation is None


def test_a_mark_in_the_name_suits_a_shopper_who_says_it_but_not_a_filter(make_product: MakeProduct) -> None:
    make_product("Gluten-free bread")
    make_product("Rye bread")
    assert search("bread", filters=Filters(said=["gluten-free"])).total == 1
    assert search("bread", filters=Filters(dietary=["gluten-free"])).total == 0


def test_a_search_that_takes_too_long_is_stopped_and_the_limit_goes_with_it(db: None) -> None:
    def limit() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            return str(cursor.fetchone()[0])

    before = limit()
    with pytest.raises(SearchTimeout), within(0.05), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    assert limit() == before
    with within(7):
        assert limit() == "7s"
    assert limit() == before


@pytest.mark.parametrize(
    ("filters", "are_any"),
    [
        (Filters(), False),
        (Filters(said=[], category=[], brand="", dietary=[]), False),  # as a request without filters has them
        (Filters(said=["vegan"]), True),
        (Filters(in_stock=False), True),
        (Filters(price_min=0), True),
    ],
)
def test_filters_that_ask_for_nothing_are_none(filters: Filters, are_any: bool) -> None:
    assert filters.are_any is are_any
