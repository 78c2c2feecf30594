"""Diets told from purchases, and what they rule out: arithmetic alone."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.inference import diet
from personalization.inference.diet import Purchases

LABELS = ("vegan", "vegetarian", "gluten-free", "halal", "organic", "lactose-free")
SHELVES = ("Bakery > Bread", "Bakery > Special", "Dairy", "Dairy > Milk", "Produce > Fruit", "Meat", None)
KNOWN = diet.shelves(
    [
        ("Bakery > Bread", [], 9),
        ("Bakery > Special", ["gluten-free"], 3),
        ("Produce > Fruit", ["vegan", "vegetarian"], 10),
        ("Meat", [], 8),
    ]
)


def bought(*lines: tuple[str | None, list[str]], times: int = 1) -> list[Purchases]:
    return [Purchases(times, category, labels) for category, labels in lines]


def test_the_share_of_a_shelf_is_counted_with_all_below_it() -> None:
    assert KNOWN.shares["Bakery > Special", "gluten-free"] == 1
    assert KNOWN.shares["Bakery", "gluten-free"] == 3 / 12
    assert KNOWN.shares[diet.SHOP, "gluten-free"] == 3 / 30
    assert ("Bakery > Bread", "gluten-free") not in KNOWN.shares


def test_five_labelled_purchases_where_there_was_a_choice_tell_a_diet() -> None:
    labelled = ("Bakery > Special", ["gluten-free"])
    [found] = diet.inferred(bought(labelled, times=5), KNOWN)
    assert (found.label, found.labelled, found.counted) == ("gluten-free", 5, 5)
    assert found.confidence == 6 / 7
    assert diet.inferred(bought(labelled, times=4), KNOWN) == []


def test_one_in_ten_against_it_is_still_a_diet_and_more_is_none() -> None:
    labelled = bought(("Bakery > Special", ["gluten-free"]), times=9)
    against = bought(("Bakery > Bread", []))
    assert [one.label for one in diet.inferred(labelled + against, KNOWN)] == ["gluten-free"]
    assert diet.inferred(labelled + against * 2, KNOWN) == []


def test_what_nobody_labels_speaks_neither_for_nor_against() -> None:
    labelled = bought(("Bakery > Special", ["gluten-free"]), times=5)
    fruit = bought(("Produce > Fruit", ["vegan"]), times=50)
    assert "gluten-free" in [one.label for one in diet.inferred(labelled + fruit, KNOWN)]


@dataclass(frozen=True)
class Sold:
    category: str | None
    dietary: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("kept", "product", "suits"),
    [
        ("gluten-free", Sold("Bakery > Special", ("gluten-free",)), True),
        ("gluten-free", Sold("Bakery > Special", (" Gluten  Free",)), True),
        ("gluten-free", Sold("Bakery > Bread"), False),  # for the loaves of the shelf beside it are labelled
        ("gluten-free", Sold("Produce > Fruit", ("vegan",)), True),  # no fruit is
        ("gluten-free", Sold("Meat"), True),
        ("vegan", Sold("Meat"), False),  # though no meat is labelled
        ("vegetarian", Sold("Produce > Fruit", ("vegan",)), True),
    ],
)
def test_what_lacks_a_label_that_its_like_carry_is_ruled_out(kept: str, product: Sold, suits: bool) -> None:
    assert diet.suits([kept], KNOWN, product) == suits


def test_organic_is_a_taste_and_rules_nothing_out() -> None:
    known = diet.shelves([("Dairy", ["organic"], 5), ("Dairy", [], 5)])
    assert diet.inferred(bought(("Dairy", ["organic"]), times=20), known) == []


products = st.tuples(
    st.sampled_from(SHELVES), st.lists(st.sampled_from(LABELS), max_size=3, unique=True), st.integers(1, 5)
)


@given(st.lists(products, min_size=1, max_size=30), st.lists(products, max_size=30))
def test_nothing_that_suits_lacks_a_label_that_its_like_carry(
    catalogue: list[tuple[str | None, list[str], int]], lines: list[tuple[str | None, list[str], int]]
) -> None:
    known = diet.shelves(catalogue)
    kept = diet.inferred([Purchases(times, shelf, labels) for shelf, labels, times in lines], known)
    for one in kept:
        assert one.labelled >= 0.9 * one.counted >= 4.5
        assert one.label not in diet.NO_DIETS
        for shelf, labels, _ in catalogue:
            if (
                one.label not in diet.labels_of(labels)
                and known.shares.get((shelf or diet.SHOP, one.label), 0) >= 0.05
            ):
                assert not diet.suits([one.label], known, Sold(shelf, tuple(labels)))
