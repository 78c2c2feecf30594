"""Whatever the shop sells and whatever was bought: no list breaks a diet that the person lets be inferred."""

from collections.abc import Mapping

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalization.inference import diet, inferred, shelves
from personalization.learning import learned
from personalization.recommending import recommend
from personalization.signals import memory, people
from tests.personalization import grocery
from tests.personalization.grocery import NOW, USER, allow, buys, cart, send

LABELS = ("gluten-free", "vegan", "halal")
PATHS = ("Bakery > Bread", "Bakery > Special", "Dairy > Milk", "Meat")
SKUS = tuple(f"p{number}" for number in range(12))

catalogues = st.lists(
    st.tuples(st.sampled_from(PATHS), st.sets(st.sampled_from(LABELS))), min_size=4, max_size=len(SKUS)
)
baskets = st.lists(st.sets(st.sampled_from(SKUS), min_size=1, max_size=4), min_size=1, max_size=5)


@pytest.mark.usefixtures("log")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(catalogue=catalogues, bought=baskets, diet_kept=st.sampled_from(LABELS), in_cart=st.sampled_from(SKUS))
def test_no_list_breaks_an_inferred_diet(
    catalogue: list[tuple[str, set[str]]], bought: list[set[str]], diet_kept: str, in_cart: str
) -> None:
    labels = {sku: found for sku, (_, found) in zip(SKUS, catalogue, strict=False)}
    keeps = {sku for sku, found in labels.items() if diet_kept in found}
    with transaction.atomic():
        learned.forget()
        grocery.stock(shelved(catalogue))
        for day, basket in enumerate(bought):
            buys(*sorted(basket & keeps or basket), days_ago=(2 * day + 1, 2 * day + 20))
        send(cart(in_cart))
        allow(household_inference=True)
        person = people.known(USER)
        kept = inferred.diets(person, memory.read(person))
        known = shelves.labels()
        for limit in (1, 5, 20):
            for item in recommend.for_person(person, NOW, limit).items:
                found = diet.labels_of(item.listing.dietary)
                assert diet.suits([one.label for one in kept], known, item.listing)
                on_shelf = [of for path, of in catalogue if path == item.listing.category]
                for one in kept:
                    if one.label not in found:
                        assert not any(one.label in diet.labels_of(of) for of in on_shelf)
        transaction.set_rollback(True)


def shelved(catalogue: list[tuple[str, set[str]]]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    shop: dict[str, dict[str, tuple[str, ...]]] = {}
    for sku, (path, labels) in zip(SKUS, catalogue, strict=False):
        shop.setdefault(path, {})[sku] = tuple(sorted(labels))
    return shop
