"""The parts of the search bench that need no engine: the queries it makes of a catalogue, and how it scores a page."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.search import catalogues, metrics, options, rewriting, typing_errors, words
from bench.search.catalogues import Product
from bench.search.known_items import MOST_ALIKE, known_items
from bench.search.product_types import of_brand, of_category
from bench.search.rewriting import rewritten
from bench.search.sets import query_set

Slip = Callable[[str, random.Random], str]


def product(sku: str, name: str, *, brand: str = "", category: str = "") -> Product:
    return Product(sku, name, brand, category, traits="", description="")


MILKS = [
    product(f"m{place}", f"{kind} Almond Milk", category="dairy > soy")
    for place, kind in enumerate(["Vanilla", "Plain", "Roasted", "Sweet", "Barista"])
]
SHELF = [
    *MILKS,
    product("o1", "Oat Milks", category="dairy > soy"),
    product("o2", "Whole Milk", category="dairy > milk"),
    product("o3", "Almond Butter", category="pantry > spreads"),
]


@pytest.mark.parametrize("slip", typing_errors.KINDS)
def test_a_typing_error_keeps_the_letters_but_one(slip: Slip) -> None:
    for seed in range(50):
        wrong = slip("bananas", random.Random(seed))  # noqa: S311
        assert (Counter("bananas") - Counter(wrong)).total() <= 1
        assert (Counter(wrong) - Counter("bananas")).total() <= 1


def test_a_misspelt_query_differs_in_one_word_only() -> None:
    for seed in range(50):
        wrong = typing_errors.one("organic whole milk", random.Random(seed))  # noqa: S311
        assert sum(a != b for a, b in zip(wrong.split(" "), ["organic", "whole", "milk"], strict=True)) == 1


def test_words_too_short_to_misspell_are_left_alone() -> None:
    assert typing_errors.one("2% oj m&s", random.Random(1)) == "2% oj m&s"  # noqa: S311


def test_keys_beside_each_other_know_of_each_other() -> None:
    assert all(
        key in typing_errors.BESIDE[near] for key, nears in typing_errors.BESIDE.items() for near in nears
    )
    assert set(typing_errors.BESIDE["g"]) == set("fhtyvb")


def test_the_same_catalogue_gives_the_same_queries() -> None:
    assert known_items(SHELF, 5) == known_items(SHELF, 5)
    first, second = (query_set("x", "", known_items(SHELF, 5)).queries for _ in range(2))
    assert first == second


def test_a_known_item_is_asked_by_its_own_words_and_shares_them_with_few() -> None:
    crowd = [product(f"c{place}", "Sea Salt Crackers") for place in range(MOST_ALIKE + 1)]
    asked = known_items([*SHELF, *crowd], 50)
    names = {one.sku: one.name.lower() for one in SHELF}
    assert asked
    for text, grades in asked:
        assert set(grades) <= set(names)
        assert all(word in names[sku] for word in text.split() for sku in grades)


def test_products_of_one_name_are_all_right() -> None:
    twins = [product("a", "Green Olive Tapenade"), product("b", "green olive tapenade")]
    assert all(grades == {"a": 1, "b": 1} for _, grades in known_items(twins, 3))


def test_a_kind_of_product_is_right_on_its_own_shelf_only() -> None:
    [(text, grades)] = of_category(SHELF, 10)
    assert text == "almond milk"
    assert grades == {one.sku: 2 for one in MILKS} | {"o1": 1}


def test_a_brands_kind_is_found_under_that_brand_in_singular_or_plural() -> None:
    shelf = [
        product("1", "Acme Pear Yogurts", brand="Acme"),
        product("2", "Acme Fig Yogurt", brand="Acme"),
        product("3", "Acme Milk", brand="Acme"),
        product("4", "Other Pear Yogurt", brand="Other"),
    ]
    assert of_brand(shelf, 10) == [("acme yogurt", {"1": 1, "2": 1})]


@pytest.mark.parametrize(
    ("one", "many"), [("berry", "berries"), ("tomato", "tomatoes"), ("egg", "eggs"), ("bread", "breads")]
)
def test_singular_and_plural_are_one_word(one: str, many: str) -> None:
    assert words.stem(one) == words.stem(many)


def test_the_best_page_scores_one_and_an_empty_page_nothing() -> None:
    grades = {"a": 3, "b": 2, "c": 1}
    assert metrics.scores(["a", "b", "c"], grades) == metrics.Scores(1.0, 1.0, 1.0, 0.0)
    assert metrics.scores([], grades) == metrics.Scores(0.0, 0.0, 0.0, 1.0)


def test_a_page_is_worth_less_when_the_best_comes_later() -> None:
    grades = {"a": 3, "b": 1}
    assert metrics.ndcg(["b", "a"], grades) == pytest.approx((1 + 3 / 1.5849625) / (3 + 1 / 1.5849625))
    assert metrics.reciprocal_rank(["b", "a"], metrics.relevant(grades)) == 0.5


def test_recall_counts_what_a_page_can_hold() -> None:
    many = {str(place): 1 for place in range(40)}
    assert metrics.scores([str(place) for place in range(12)], many).recall == 1.0


def test_only_the_upper_half_of_the_grades_counts_as_found() -> None:
    assert metrics.relevant({"a": 3, "b": 2, "c": 1, "d": 0}) == {"a", "b"}


def test_a_multiplied_catalogue_begins_as_it_was_and_repeats_no_sku() -> None:
    rows = [{"sku": "1", "name": "Milk"}, {"sku": "2", "name": "Bread"}]
    made = list(catalogues.multiplied(rows, 7))
    assert made[:2] == rows
    assert len({row["sku"] for row in made}) == 7
    assert all(made[place]["name"].startswith(made[place]["brand"]) for place in range(2, 7))
    assert made == list(catalogues.multiplied(rows, 7))


def test_judgements_are_read_by_query(tmp_path: Path) -> None:
    file = tmp_path / "judged.csv"
    file.write_text("query,sku,grade\nmilk,1,3\nmilk,2,0\nbread,3,2\n")
    assert catalogues.judgements(file) == {"milk": {"1": 3, "2": 0}, "bread": {"3": 2}}


def test_a_catalogue_without_judgements_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parsed(["--catalogue", "shop.csv"])
    assert "belong together" in capsys.readouterr().err


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parsed(["--only", "speed"])
    assert "There is no speed; there are relevance, latency." in capsys.readouterr().err


def test_a_rewritten_query_has_the_same_answers() -> None:
    shelf = [product(f"b{place}", f"{kind} Milk Butter") for place, kind in enumerate("abc")]
    shelf += [product(f"c{place}", f"{kind} Buttermilk") for place, kind in enumerate("abc")]
    asked = [("butter milk", {"b0": 1}), ("buttermilk berries", {"c0": 1}), ("crème fraîche", {"d": 1})]
    found = rewritten(asked, shelf)
    assert [grades for _, grades in found] == [grades for _, grades in asked]
    assert all(text != before for (text, _), (before, _) in zip(found, asked, strict=True))


@pytest.mark.parametrize(
    ("way", "text", "other"),
    [
        (rewriting.other_order, "olive oil", "oil olive"),
        (rewriting.other_number, "berries", "berry"),
        (rewriting.other_number, "berry", "berries"),
        (rewriting.without_accents, "crème brûlée", "creme brulee"),
        (rewriting.joined, "butter milk biscuit", "buttermilk biscuit"),
        (rewriting.joined, "olive oil", "olive oil"),
        (rewriting.split, "cold buttermilk", "cold butter milk"),
    ],
)
def test_a_query_is_written_otherwise(way: rewriting.Way, text: str, other: str) -> None:
    assert way(text, {"butter", "milk", "buttermilk"}, random.Random(1)) == other  # noqa: S311


def test_the_options_have_their_defaults() -> None:
    assert options.parsed([]).only == options.PARTS
    assert options.parsed(["--catalogue", "a.csv", "--judgements", "b.csv"]).only == ["relevance"]
    assert options.parsed(["--engines", "leafloaf"]).wants("LeafLoaf, keyword")
