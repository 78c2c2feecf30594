"""Counting baskets: exactly once, whatever happens meanwhile."""

import math
import random
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from capture import ingest, rebase
from capture.models import Event, Notice, Watermark
from leafloaf.catalog.models import Category, Product
from leafloaf.stack.services import REPOSITORY
from personalization.companions import basket_counts
from personalization.models import BasketItem, BasketTable, ItemCompanions, ItemPair, Meal
from tests.calls import cart, search
from tests.config import application
from tests.personalization import orders

BASKETS = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=9), min_size=1, max_size=12)


def shuffled(count: int, seed: int = 5) -> list[list[str]]:
    dice = random.Random(seed)  # noqa: S311
    return [[f"p{dice.randrange(12)}" for _ in range(dice.randrange(1, 7))] for _ in range(count)]


def emptied() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE capture_event, capture_eventkey, capture_watermark, personalization_baskettable, "
            "personalization_basketitem, personalization_itempair, personalization_itemcompanions"
        )


@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(BASKETS, min_size=1, max_size=4), st.integers(1, 20), st.integers(1, 40))
def test_the_count_is_that_of_the_baskets_however_the_log_is_cut(
    log: None, batches: list[list[list[str]]], events: int, pairs: int
) -> None:
    emptied()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(basket_counts, "EVENTS_AT_ONCE", events)
        patch.setattr(basket_counts, "PAIRS_AT_ONCE", pairs)
        for baskets in batches:
            orders.sent(baskets)
            basket_counts.run()
    assert orders.counted() == orders.by_hand([basket for baskets in batches for basket in baskets])


def test_what_is_no_order_is_passed_over(log: None) -> None:
    baskets = shuffled(5)
    orders.sent(baskets[:2])
    ingest.accept([msgspec.json.encode(body) for body in (cart(), search())])
    orders.sent(baskets[2:])
    basket_counts.run()
    assert orders.counted() == orders.by_hand(baskets)


def test_of_a_caterers_order_the_first_hundred_products_count(log: None) -> None:
    orders.sent([[f"p{number:03}" for number in range(150)]])
    basket_counts.run()
    baskets, products, pairs = orders.counted()
    assert (baskets, len(products), len(pairs)) == (1, 100, 100 * 99 // 2)
    assert max(products) == "p099"


def test_a_transaction_that_ends_late_is_neither_missed_nor_doubled(log: None) -> None:
    """It has the smaller transaction id and appears after the later ones have."""
    basket_counts.run()
    begun, may_end = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with transaction.atomic():
            orders.sent([["slow", "bread"]])
            begun.set()
            assert may_end.wait(60)
        connections.close_all()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert begun.wait(60)
    orders.sent([["quick", "bread"]])
    basket_counts.run()
    assert orders.counted()[0] == 0
    may_end.set()
    writer.join()
    orders.sent([["last", "bread"]])
    basket_counts.run()
    basket_counts.run()
    assert orders.counted() == orders.by_hand([["slow", "bread"], ["quick", "bread"], ["last", "bread"]])


def test_two_counters_at_once_count_everything_once(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basket_counts, "EVENTS_AT_ONCE", 7)
    baskets = shuffled(150)
    orders.sent(baskets)
    failures: list[BaseException] = []

    def count() -> None:
        try:
            basket_counts.run()
        except BaseException as error:  # noqa: BLE001 (told by the test)
            failures.append(error)
        finally:
            connections.close_all()

    counters = [threading.Thread(target=count) for _ in range(3)]
    for counter in counters:
        counter.start()
    for counter in counters:
        counter.join()
    basket_counts.run()
    assert not failures
    assert orders.counted() == orders.by_hand(baskets)


COUNT_SLOWLY = """
import time
import django
django.setup()
from personalization.companions import basket_counts
basket_counts.EVENTS_AT_ONCE = 3
for _ in range(8):  # not all of them, however late it is killed
    assert basket_counts.step()
    print("step", flush=True)
time.sleep(600)
"""


def test_a_counter_that_is_killed_leaves_whole_batches(log: None, tmp_path: Path) -> None:
    baskets = shuffled(120)
    orders.sent(baskets)
    environment = application.environment(tmp_path, DJANGO_SETTINGS_MODULE="leafloaf.settings")
    for steps in (1, 3):
        process = subprocess.Popen(
            [sys.executable, "-c", COUNT_SLOWLY], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(steps):
            assert process.stdout.readline() == b"step\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    table = BasketTable.objects.get()
    assert 0 < table.baskets < 120
    basket_counts.run()
    assert orders.counted() == orders.by_hand(baskets)


def test_while_it_is_rebuilt_the_old_table_serves_and_grows(
    log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    baskets = shuffled(30)
    orders.sent(baskets)
    basket_counts.run()
    old = BasketTable.objects.get()
    monkeypatch.setattr(basket_counts, "EVENTS_AT_ONCE", 10)
    basket_counts.mark_dirty()
    orders.sent([["new", "bread"]])
    assert basket_counts.step()
    assert BasketTable.objects.get(state=BasketTable.State.SERVING) == old
    assert orders.counted() == orders.by_hand([*baskets, ["new", "bread"]])
    basket_counts.run()
    table = BasketTable.objects.get()
    assert table != old
    assert not basket_counts.is_dirty()
    assert orders.counted() == orders.by_hand([*baskets, ["new", "bread"]])


def test_what_the_log_has_lost_is_gone_once_it_is_rebuilt(log: None) -> None:
    orders.sent([["secret", "bread"]] * 4, session_id="one")
    orders.sent([["milk", "bread"]] * 4)
    basket_counts.run()
    Event.objects.filter(session_id="one").delete()
    basket_counts.mark_dirty()
    assert basket_counts.is_dirty()
    basket_counts.run()
    assert not basket_counts.is_dirty()
    assert orders.counted() == orders.by_hand([["milk", "bread"]] * 4)
    assert not BasketItem.objects.filter(key="secret").exists()
    items = set(BasketItem.objects.values_list("id", flat=True))
    assert set(ItemPair.objects.values_list("first_id", flat=True)) <= items
    assert set(ItemCompanions.objects.values_list("item_id", flat=True)) <= items
    assert Watermark.objects.filter(name__startswith="baskets").count() == 1


def test_nothing_is_clean_before_the_meals_are_made_anew(log: None) -> None:
    basket_counts.run()
    Meal.objects.create(skus=["secret", "gin", "tonic"], score=1, lift=9, made_at=datetime.now(UTC))
    basket_counts.mark_dirty()
    while basket_counts.is_dirty():
        assert Meal.objects.exists()
        basket_counts.step()
    assert not Meal.objects.exists()


def test_while_the_log_is_another_clusters_nothing_is_counted(log: None) -> None:
    orders.sent(shuffled(3))
    Notice.objects.create(kind=rebase.KIND, sentence=rebase.SENTENCE)
    basket_counts.run()
    assert not BasketTable.objects.exists()
    Notice.objects.all().delete()
    basket_counts.run()
    assert orders.counted() == orders.by_hand(shuffled(3))


def test_what_is_lost_during_a_rebuild_begins_it_anew(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basket_counts, "EVENTS_AT_ONCE", 2)
    orders.sent([["secret", "bread"]] * 4, session_id="one")
    orders.sent([["milk", "bread"]] * 4)
    assert basket_counts.step()
    assert BasketItem.objects.filter(key="secret").exists()
    Event.objects.filter(session_id="one").delete()
    basket_counts.mark_dirty()
    basket_counts.run()
    assert not basket_counts.is_dirty()
    assert orders.counted() == orders.by_hand([["milk", "bread"]] * 4)


def test_pairs_of_few_shoppers_are_counted_and_not_listed(log: None, settings: Settings) -> None:
    settings.COMPLEMENTS_K = 2
    orders.sent([["gin", "tonic"]] * 20, session_id="always the same")
    orders.sent([["milk", "bread"]] * 20)
    basket_counts.run()
    assert listed() == {"milk": ["bread"], "bread": ["milk"], "gin": [], "tonic": []}
    settings.COMPLEMENTS_K = 1
    basket_counts.run()
    assert listed()["gin"] == ["tonic"]


def test_nobody_can_be_told_from_what_is_stored(log: None) -> None:
    orders.sent([["gin", "tonic"]], user_id="somebody")
    orders.sent([["gin", "tonic"]], session_id="somebody")
    basket_counts.run()
    pair = ItemPair.objects.get()
    assert pair.together == 2
    assert 1 <= (pair.lots & 0xFFFFFFFF).bit_count() <= 2


def test_categories_are_counted_as_products_are(log: None) -> None:
    dairy = Category.objects.create(name="Dairy")
    bakery = Category.objects.create(name="Bakery")
    for sku, category in (("milk", dairy), ("cream", dairy), ("bread", bakery)):
        Product.objects.create(sku=sku, name=sku, category=category)
    orders.sent([["milk", "cream", "bread"], ["milk", "cream"], ["unknown", "bread"]])
    basket_counts.run()
    items = BasketItem.objects.filter(kind=BasketItem.Kind.CATEGORY)
    assert dict(items.values_list("key", "baskets")) == {"Dairy": 2, "Bakery": 2}
    ids = dict(items.values_list("key", "id"))
    one, other = sorted(ids.values())
    assert ItemPair.objects.get(first_id=one, second_id=other).together == 1


def test_the_command_counts_and_rebuilds(log: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("count_baskets")
    orders.sent(shuffled(7))
    call_command("count_baskets")
    table = BasketTable.objects.get()
    call_command("count_baskets", "--rebuild")
    assert BasketTable.objects.get() != table
    assert capsys.readouterr().out.splitlines()[1:] == ["7 baskets counted"] * 2


def listed() -> dict[str, list[str]]:
    names = dict(BasketItem.objects.values_list("id", "key"))
    return {
        names[row.item_id]: [names[companion] for companion in row.companions]
        for row in ItemCompanions.objects.all()
    }


def test_a_run_stops_when_its_time_is_up(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basket_counts, "EVENTS_AT_ONCE", 2)
    baskets = shuffled(20)
    orders.sent(baskets)
    basket_counts.run(0)
    assert BasketTable.objects.get().baskets == 2
    basket_counts.run(math.inf)
    assert orders.counted() == orders.by_hand(baskets)
