"""Workers that are killed, stopped and frozen at any moment: the next one finds everything as it must be."""

import random
import signal
import time

import pytest

from tests.faults.shop import APPLIED, LEASE_SECONDS, Shop, different, wait_until

FREEZES = 12


def answer_late(shop: Shop, seconds: float) -> None:
    """Widens the moment between what a store has done and what the worker knows of it."""
    for name in ("cloud_storage", "bigquery"):
        shop.standin(name).fail(times=10**6, match=APPLIED, apply_then={"delay_seconds": seconds})


def kill_again_and_again(shop: Shop, kills: int, chance: random.Random) -> None:
    """Two drainers race; one of them, chosen by chance, dies up to a second after something was sent, and another
    takes its place."""
    racing = [shop.drainer(), shop.drainer()]
    for _ in range(kills):
        wait_until(lambda: shop.ask(SENDING)[0][0] > 0, "something is being sent")
        time.sleep(chance.uniform(0, 1))
        place = chance.randrange(2)
        racing[place].kill()
        racing[place] = shop.drainer()
    for drainer in racing:
        drainer.kill()


@pytest.mark.parametrize("kills", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_drainers_killed_at_random_while_two_race_and_events_come_in(
    shop: Shop, chance: random.Random, kills: int
) -> None:
    shop.write(500)
    answer_late(shop, 0.05)
    writers = [shop.writer("w0"), shop.writer("w1")]
    kill_again_and_again(shop, kills, chance)
    for writer in writers:
        writer.kill()
    shop.mend()
    shop.settle()
    shop.assert_all_hold_the_log_once()
    caught = shop.repeated()
    print(f"{kills} kills, {len(shop.logged())} events, {caught} batches caught in mid-delivery")  # noqa: T201
    assert caught > 0, "no batch was caught in mid-delivery: the test proves nothing"


def test_a_drainer_asked_to_stop_in_mid_batch_finishes_it(shop: Shop) -> None:
    """SIGTERM: what is being sent is sent and settled, so that nobody waits for its lease."""
    shop.write(100)
    answer_late(shop, 0.2)
    drainer = shop.drainer()
    wait_until(lambda: shop.ask(SENDING)[0][0] > 0, "something is being sent")
    drainer.signal(signal.SIGTERM)
    assert drainer.wait() == 0
    assert shop.ask(SENDING) == [(0,)]
    assert shop.repeated() == 0
    shop.mend()
    shop.settle()
    shop.assert_all_hold_the_log_once()


def test_a_frozen_drainer_that_thaws_after_its_lease_doubles_nothing(shop: Shop) -> None:
    """SIGSTOP in mid-request; another takes the batch; BigQuery has forgotten the insertIds when the first goes on."""
    shop.write(25)
    shop.standin("bigquery").fail(match=APPLIED, apply_then={"delay_seconds": 1.0})
    frozen = shop.drainer("bigquery")
    wait_until(lambda: shop.standin("bigquery").fired() == 1, "the first of five tables is being written")
    frozen.signal(signal.SIGSTOP)
    time.sleep(LEASE_SECONDS)
    shop.settle()
    shop.standin("bigquery").advance(120)
    frozen.signal(signal.SIGCONT)
    time.sleep(1)
    frozen.signal(signal.SIGTERM)
    assert frozen.wait() == 0
    shop.assert_all_hold_the_log_once()


@pytest.mark.slow
def test_drainers_frozen_at_random_lose_nothing_and_the_views_show_each_event_once(
    shop: Shop, chance: random.Random
) -> None:
    """A request that a freeze cuts in two may reach BigQuery after all; then the view is what keeps it single."""
    writer = shop.writer("w")
    for _ in range(FREEZES):
        frozen, awake = shop.drainer(), shop.drainer()
        time.sleep(chance.uniform(0.05, 0.5))
        frozen.signal(signal.SIGSTOP)
        time.sleep(LEASE_SECONDS + 0.5)
        shop.standin("bigquery").advance(120)
        frozen.signal(signal.SIGCONT)
        time.sleep(0.3)
        frozen.kill()
        awake.kill()
    writer.kill()
    shop.settle()
    logged = shop.logged()
    assert different(shop.in_view(), logged) == {}
    assert different(shop.stores.in_cloud_storage(), logged) == {}
    assert shop.in_redis() == len(logged)
    shop.assert_the_ledger_closes()


def test_a_lease_that_runs_out_while_the_first_worker_still_sends_doubles_nothing(shop: Shop) -> None:
    """The store answers later than the lease lasts, so two workers are at the same batch."""
    shop.write(25)
    for name in ("cloud_storage", "bigquery"):
        shop.standin(name).fail(match=APPLIED, delay_seconds=LEASE_SECONDS + 1.0)
    racing = [shop.drainer(), shop.drainer()]
    wait_until(lambda: not shop.owed(), "the second worker has delivered")
    time.sleep(LEASE_SECONDS)
    for drainer in racing:
        drainer.signal(signal.SIGTERM)
        assert drainer.wait() == 0
    shop.assert_all_hold_the_log_once()


SENDING = "SELECT count(*) FROM capture_outboxbatch WHERE state = 'sending'"
