"""Made-up histories: small ones drawn by hypothesis, and a shop with habits large enough to learn from."""

import random

from hypothesis import strategies as st

from personalization.prediction import histories
from personalization.prediction.histories import Histories

Rows = list[tuple[str, str, str, int | None]]


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    """A few shoppers with a few orders on rising days."""
    made: Rows = []
    for shopper in range(draw(st.integers(1, 4))):
        day = 0
        for order in range(draw(st.integers(1, 7))):
            day += draw(st.integers(0, 40))
            for product in draw(st.sets(st.integers(0, 5), min_size=1)):
                made.append((f"s{shopper}", f"s{shopper}o{order}", f"p{product}", day))
    return made


def habits(shoppers: int = 120, orders: int = 12) -> Rows:
    """Each shopper has three products of their own every time or every other time, and whims; bread goes with jam."""
    dice = random.Random(7)  # noqa: S311
    made: Rows = []
    for shopper in range(shoppers):
        weekly, second, third = dice.sample(range(30), 3)
        day = dice.randrange(7)
        for order in range(orders):
            day += dice.randrange(5, 10)
            basket = {f"p{weekly}", f"p{dice.randrange(30)}"} | {f"p{(second, third)[order % 2]}"}
            if dice.random() < 0.2:
                basket |= {"bread", "jam"}
            made += [(f"s{shopper:03}", f"s{shopper}o{order}", product, day) for product in sorted(basket)]
    return made


def shop(shoppers: int = 120, orders: int = 12) -> Histories:
    return histories.arranged(habits(shoppers, orders))
