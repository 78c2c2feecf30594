"""Which products go together."""

import numpy as np
from hypothesis import given

from personalization.prediction import associations, complements, cooccurrence, histories
from tests.personalization import shops


@given(shops.rows())
def test_similarities_are_the_formula_counted_by_hand(rows: shops.Rows) -> None:
    lines = histories.arranged(rows)
    groups, _ = associations.baskets(lines)
    size = np.bincount(lines.product, minlength=len(lines.products))
    found = cooccurrence.neighbours(groups, groups, len(lines.products), exponent=0.7)
    baskets = [set(groups.items[a:b]) for a, b in zip(groups.starts[:-1], groups.starts[1:], strict=True)]
    for one in range(len(lines.products)):
        for other, similarity in zip(found.product[one], found.similarity[one], strict=True):
            common = sum(one in basket and other in basket for basket in baskets) if one != other else 0
            wanted = common / (size[one] ** 0.7 * size[other] ** 0.3 + 10)
            np.testing.assert_allclose(similarity, wanted, rtol=1e-5)


def test_the_basket_after_is_the_same_shoppers() -> None:
    lines = histories.arranged([("a", "1", "x", 1), ("a", "2", "y", 2), ("b", "1", "z", 3)])
    found = associations.built(lines).following
    x, y, z = (lines.products.index(name) for name in "xyz")
    after_x = dict(zip(found.product[x].tolist(), found.similarity[x].tolist(), strict=True))
    assert after_x[y] > 0
    assert after_x.get(z, 0) == 0
    assert not found.similarity[y].any()


def test_bread_is_completed_by_jam_and_never_by_itself() -> None:
    shop = shops.shop()
    bread, jam = shop.products.index("bread"), shop.products.index("jam")
    ranked = complements.ranked(complements.built(shop), [bread])
    assert ranked[0] == jam
    assert bread not in ranked
    assert len(set(ranked)) == 20


def test_a_basket_that_the_shop_does_not_know_gets_what_is_popular() -> None:
    shop = shops.shop()
    made = complements.built(shop)
    assert complements.ranked(made, [])[0] == int(made.baskets.argmax())
