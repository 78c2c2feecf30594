"""Purchases as they are remembered are the histories that predictions are made from."""

import numpy as np
import pytest
from hypothesis import given

from leafloaf.catalog import loading
from personalization.learning import shop_history
from personalization.prediction import histories
from personalization.prediction.counters import Record
from personalization.prediction.histories import Histories
from personalization.signals import memory, people
from personalization.signals.marks import Signal
from privacy.models import PrivacySettings
from tests.personalization import remembered, shops


def equal(one: Histories, other: Histories) -> None:
    assert (one.shoppers, one.products) == (other.shoppers, other.products)
    for name in ("shopper", "order", "product", "day"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def alike(one: Record, other: Record) -> None:
    """The same but for the last bits of a sum."""
    for name, values in vars(one).items():
        if name != "counters":
            np.testing.assert_array_equal(values, getattr(other, name), err_msg=name)
    for name, values in vars(one.counters).items():
        np.testing.assert_allclose(values, getattr(other.counters, name), rtol=1e-12, err_msg=name)


@given(shops.rows())
def test_counting_at_once_is_counting_step_by_step(rows: shops.Rows) -> None:
    lines = histories.arranged(rows)
    step_by_step = Record.blank(lines)
    step_by_step.add(lines)
    alike(Record.at_once(lines), step_by_step)


@pytest.mark.django_db
def test_everybody_is_read_as_a_file_of_the_same_would_be() -> None:
    rows = shops.habits(30, 8)
    who = remembered.remember(rows)
    found = shop_history.everybody(1)
    equal(found.histories, remembered.as_histories(rows, who))
    assert found.one_in == 1


@pytest.mark.django_db
def test_a_product_twice_in_an_order_counts_once() -> None:
    remembered.remember([("u", "1", "milk", 0), ("u", "1", "milk", 0), ("u", "2", "milk", 7)])
    lines = shop_history.everybody(1).histories
    assert (lines.order.tolist(), lines.day.tolist()) == ([0, 1], [20_000, 20_007])


@pytest.mark.django_db
def test_one_person_is_read_as_among_everybody() -> None:
    rows = shops.habits(10, 8)
    remembered.remember(rows)
    whole = shop_history.everybody(1).histories
    index = {sku: code for code, sku in enumerate(whole.products)}
    for user in ("s000", "s007"):
        person = people.known(user)
        assert person is not None
        place = whole.shoppers.index(str(person.subject_id))
        theirs = whole.only(whole.shopper == place)
        found = shop_history.of_person(memory.read(person), whole.products, index)
        for name in ("order", "product", "day"):
            np.testing.assert_array_equal(getattr(found, name), getattr(theirs, name), err_msg=name)


@pytest.mark.django_db
def test_products_nobody_has_learned_of_still_count_as_own() -> None:
    remembered.remember([("u", "1", "new", 0), ("u", "2", "new", 7), ("u", "2", "old", 7)])
    found = shop_history.of_person(memory.read(people.known("u")), ["old"], {"old": 0})
    assert found.products == ["old", "new"]
    assert found.product.tolist() == [1, 0, 1]


@pytest.mark.django_db
@pytest.mark.parametrize("setting", ["personalization_enabled", "purchase_history"])
def test_who_does_not_allow_it_is_not_read(setting: str) -> None:
    who = remembered.remember([("yes", "1", "milk", 0), ("no", "1", "secret", 0)])
    PrivacySettings.objects.create(subject_id=who["no"], **{setting: False})
    lines = shop_history.everybody(1).histories
    assert (lines.shoppers, lines.products) == ([str(who["yes"])], ["milk"])


@pytest.mark.django_db
def test_what_was_only_looked_at_is_no_purchase() -> None:
    remembered.remember([("u", "1", "milk", 0)], signal=Signal.VIEW)
    assert not len(shop_history.everybody(1).histories.shopper)


@pytest.mark.django_db
def test_of_too_many_purchases_a_share_of_the_shoppers_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = shops.habits(60, 8)
    who = remembered.remember(rows)
    monkeypatch.setattr(shop_history, "MOST_PURCHASES", 700)
    monkeypatch.setattr(shop_history, "ROWS_AT_ONCE", 100)
    found = shop_history.everybody(1)
    drawn = {name: subject for name, subject in who.items() if not subject.int % found.one_in}
    assert found.one_in > 1
    assert len(found.histories.shopper) <= 700
    equal(found.histories, remembered.as_histories([row for row in rows if row[0] in drawn], who))


@pytest.mark.django_db
def test_what_one_shopper_alone_names_is_learned_only_when_the_catalogue_has_it() -> None:
    loading.load(["sku,name,brand,category,price", "oats,Oats,,Pantry,2"])
    rows = [(f"u{one}", "1", "milk", 0) for one in range(3)]
    rows += [("u0", "2", "oats", 1), ("u1", "2", "bread", 1), ("u2", "2", "bread", 1)]
    who = remembered.remember([*rows, ("u0", "3", "only-mine", 2), ("hermit", "1", "also-mine", 0)])
    kept = [row for row in rows if row[2] != "bread"]
    found = shop_history.everybody(3)
    equal(found.histories, remembered.as_histories(kept, {user: who[user] for user in ("u0", "u1", "u2")}))
    assert found.histories.products == ["milk", "oats"]
    assert shop_history.everybody(2).histories.products == ["bread", "milk", "oats"]


@pytest.mark.django_db
def test_of_products_that_nobody_shares_there_is_nothing_to_learn() -> None:
    remembered.remember([("u", "1", "mine", 0), ("v", "1", "theirs", 0)])
    assert not len(shop_history.everybody(2).histories.shopper)
