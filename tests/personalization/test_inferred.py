"""What is inferred of a person: only while its feature is on, from what was really sent."""

import pytest

from personalization.inference import inferred
from personalization.signals import memory, people
from tests.personalization import grocery
from tests.personalization.grocery import NOW, USER, allow, buys, order, send


@pytest.fixture(autouse=True)
def shop(log: None) -> None:
    grocery.stock()
    grocery.stock({"Dairy > Milk": {"dear-milk": ()}})


def found() -> tuple[list[str], list[str], float | None]:
    """Diets, household hints, price sensitivity."""
    person = people.known(USER)
    held = memory.read(person)
    diets = [one.label for one in inferred.diets(person, held)]
    hints = [one.about for one in inferred.household_hints(person, held, NOW)]
    return diets, hints, inferred.price_sensitivity(person, held)


def test_nothing_is_inferred_unless_it_is_allowed() -> None:
    buys("gf-loaf", "gf-buns", "cat-food", days_ago=(50, 40, 30, 20, 10))
    assert found() == ([], [], None)
    allow(household_inference=True)
    assert found() == (["gluten-free"], ["size", "pets"], None)
    allow(household_inference=False)
    assert found() == ([], [], None)


def test_prices_are_looked_at_only_by_who_lets_them_be_tracked() -> None:
    allow(price_tracking=True)
    items = [{"product_id": "milk", "quantity": 1, "price": 1}]
    for _ in range(5):
        send(order() | {"items": items, "total_value": 1})
    assert found()[2] == 1.0
    allow(price_tracking=False)
    assert found()[2] is None


def test_without_purchases_to_look_at_there_is_nothing_to_tell() -> None:
    buys("gf-loaf", "gf-buns", "cat-food", days_ago=(50, 40, 30, 20, 10))
    allow(household_inference=True, price_tracking=True, purchase_history=False)
    assert found() == ([], [], None)
    allow(personalization_enabled=False)
    assert found() == ([], [], None)
