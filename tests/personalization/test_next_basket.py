"""What a shopper buys next."""

import random

import numpy as np
import pytest

from personalization.prediction import evidence, histories, next_basket, training
from personalization.prediction.counters import order_from_end, until
from personalization.prediction.histories import Histories
from tests.personalization import shops

Answer = dict[str, list[str]]


def answers(lines: Histories, *, is_learned: bool) -> Answer:
    weights = training.learned(lines) if is_learned else None
    assert (weights is not None) == is_learned
    found = next_basket.predicted(training.shop_of(lines), np.arange(len(lines.shoppers)), weights)
    return {lines.shoppers[who]: [lines.products[item] for item in items] for who, items in found}


def hits(lines: Histories, answer: Answer) -> int:
    """How many of the last baskets' products are among the first four."""
    last = order_from_end(lines, 0)
    pairs = zip(last.shopper.tolist(), last.product.tolist(), strict=True)
    return sum(lines.products[product] in answer[lines.shoppers[who]][:4] for who, product in pairs)


@pytest.mark.parametrize("is_learned", [True, False])
def test_the_order_of_the_shoppers_does_not_matter(is_learned: bool) -> None:
    rows = shops.habits()
    turned = [
        row for name in sorted({row[0] for row in rows}, reverse=True) for row in rows if row[0] == name
    ]
    assert answers(histories.arranged(rows), is_learned=is_learned) == answers(
        histories.arranged(turned), is_learned=is_learned
    )


def test_habits_are_found_again_and_learning_does_not_lose_to_the_closed_form() -> None:
    whole = shops.shop(shoppers=200)
    past = until(whole, 1)
    learned, closed = (hits(whole, answers(past, is_learned=is_learned)) for is_learned in (True, False))
    assert learned >= closed * 0.95
    assert closed > len(whole.shoppers)


def test_everybody_gets_twenty_different_products() -> None:
    for items in answers(shops.shop(), is_learned=True).values():
        assert len(items) == len(set(items)) == 20


def test_a_tiny_history_is_answered_without_learning() -> None:
    lines = histories.arranged([("a", "1", "x", 1), ("a", "2", "x", 2), ("b", "1", "y", 3)])
    assert answers(lines, is_learned=False) == {"a": ["x", "y"], "b": ["y", "x"]}


def test_what_is_learned_does_not_know_the_baskets_to_be_told() -> None:
    """The last order is known only to be what came: with other products in it, features before it stay the same."""
    rows = shops.habits()
    last = {row[0]: row[1] for row in rows}
    dice = random.Random(3)  # noqa: S311
    others = [
        (who, order, f"p{dice.randrange(30)}", day) if last[who] == order else (who, order, product, day)
        for who, order, product, day in rows
    ]
    one, other = (until(histories.arranged(some), 1) for some in (rows, others))
    everyone = np.arange(len(one.shoppers))
    for lines in (one, other):
        assert lines.products == one.products
    shop, same = training.shop_of(one), training.shop_of(other)
    found = evidence.gathered(shop.record, shop.products, shop.tables, everyone)
    again = evidence.gathered(same.record, same.products, same.tables, everyone)
    np.testing.assert_array_equal(found.support, again.support)
    np.testing.assert_array_equal(
        evidence.own_features(found, shop.record, shop.products),
        evidence.own_features(again, same.record, same.products),
    )


@pytest.mark.parametrize("is_learned", [True, False])
def test_the_terms_of_a_score_add_up_to_it(is_learned: bool) -> None:
    lines = shops.shop()
    shop, weights = training.shop_of(lines), training.learned(lines) if is_learned else None
    found = evidence.gathered(shop.record, shop.products, shop.tables, np.array([3]))
    scores = next_basket.scores(found, shop, weights)
    for place in (0, len(scores) - 1):
        intercept = 0.0
        if weights is not None:
            intercept = (weights.own if found.is_own[place] else weights.new).intercept
        named = next_basket.terms(found, shop, weights, place)
        assert sum(named.values()) + intercept == pytest.approx(scores[place])


def test_one_shopper_is_answered_as_among_all() -> None:
    lines = shops.shop()
    shop, weights = training.shop_of(lines), training.learned(lines)
    every = dict(next_basket.predicted(shop, np.arange(len(lines.shoppers)), weights))
    alone = dict(next_basket.predicted(shop, np.array([5]), weights))
    assert alone[5].tolist() == every[5].tolist()
