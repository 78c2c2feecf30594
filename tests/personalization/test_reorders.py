"""What somebody is about to buy again."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from bench.personalization import sets
from personalization.learning import fitting, learned
from personalization.learning.shop_history import DAY
from personalization.prediction.accuracy import auc, calibration_error
from personalization.recommending import reorders
from personalization.recommending.reorders import Status
from personalization.signals import people
from privacy.models import PrivacySettings
from tests import data
from tests.personalization import remembered, shops
from tests.personalization.remembered import FIRST_DAY

pytestmark = pytest.mark.django_db


def noon(day: int) -> datetime:
    return datetime.fromtimestamp((FIRST_DAY + day) * DAY, UTC) + timedelta(hours=12)


def weekly(weeks: int = 6) -> None:
    """Milk every week, flour once."""
    remembered.catalogue(["milk", "flour"])
    remembered.remember(
        [("u", str(week), "milk", 7 * week) for week in range(weeks)] + [("u", "0", "flour", 0)], 3
    )


def test_a_weekly_product_is_told_with_its_rhythm() -> None:
    weekly()
    (item,) = reorders.due(people.known("u"), noon(36))
    assert (item.sku, item.name, item.cycle_days, item.typical_quantity) == ("milk", "The milk", 7, 3)
    assert item.last_purchase == noon(35) - timedelta(hours=12) + timedelta(minutes=5)
    assert item.next_expected == item.last_purchase + timedelta(days=7)
    assert item.reason == "You buy this about every 7 days; last on 7 November"  # in Toronto
    assert 0 < item.p7 < item.p14 < item.p30 < 1


@pytest.mark.parametrize(
    ("day", "status"),
    [(36, Status.UPCOMING), (39, Status.UPCOMING), (40, Status.DUE), (44, Status.DUE), (45, Status.OVERDUE)],
)
def test_due_is_within_two_days_and_overdue_past_them(day: int, status: Status) -> None:
    weekly()
    (item,) = reorders.due(people.known("u"), noon(day))
    assert item.status == status
    assert item.next_expected >= noon(day)


def test_what_was_given_up_long_ago_is_not_told() -> None:
    weekly()
    assert reorders.due(people.known("u"), noon(35 + 180))
    assert not reorders.due(people.known("u"), noon(35 + 182))


def test_what_the_catalogue_has_not_is_not_told() -> None:
    remembered.remember([("u", str(week), "gone", 7 * week) for week in range(6)])
    assert reorders.answer(people.known("u"), noon(36)).outcome == people.Status.NO_HISTORY


def test_the_likeliest_come_first_and_as_many_as_asked_for() -> None:
    remembered.catalogue(f"p{number}" for number in range(30))
    remembered.remember(row for row in shops.habits(1, 12))
    every = reorders.due(people.known("s000"), noon(100), 100)
    assert len(every) > 3
    chances = [item.p7 for item in every]
    assert chances == sorted(chances, reverse=True)
    assert reorders.due(people.known("s000"), noon(100), 3) == every[:3]


@pytest.mark.parametrize("setting", ["personalization_enabled", "purchase_history"])
def test_who_does_not_allow_it_is_told_nothing(setting: str) -> None:
    weekly()
    person = people.known("u")
    assert person is not None
    PrivacySettings.objects.create(subject_id=person.subject_id, **{setting: False})
    assert reorders.answer(people.known("u"), noon(36)) == reorders.Answer(people.Status.OFF, [])


def test_nobody_has_no_history() -> None:
    assert reorders.answer(None, noon(36)) == reorders.Answer(people.Status.NO_HISTORY, [])


def test_a_real_shop_is_told_what_comes_true() -> None:
    """BigBasket: learned from all but the last thirty days, asked on the day before them, as a request asks."""
    whole = sets.bigbasket(data.folder("bigbasket_orders"))
    cut = int(whole.day.max()) - 30
    offset = int(whole.day.min())
    rows = [
        (whole.shoppers[who], f"{who}:{order}", whole.products[item], day - offset)
        for who, order, item, day in zip(
            whole.shopper.tolist(),
            whole.order.tolist(),
            whole.product.tolist(),
            whole.day.tolist(),
            strict=True,
        )
    ]
    past = [row for row in rows if row[3] <= cut - offset]
    remembered.catalogue({row[2] for row in past})
    remembered.remember(past)
    made = fitting.fit()
    assert made is not None
    learned.forget()
    came: dict[tuple[str, str], int] = {}
    for user, _, product, day in reversed(rows):
        if day > cut - offset:
            came[user, product] = day - (cut - offset)
    now = noon(cut - offset)
    chance, took = [], []
    for user in sorted({row[0] for row in past})[::3]:
        for item in reorders.due(people.known(user), now, 1000):
            assert item.next_expected >= now
            chance.append(item.p7)
            took.append(came.get((user, item.sku), 1000))
    told, is_true = np.array(chance), np.array(took) <= 7
    assert len(told) > 1000
    assert calibration_error(told, is_true) < 0.05
    assert auc(told, is_true) > 0.6
