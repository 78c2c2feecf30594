"""Postgres killed, away, held up: accepted events are kept, callers told to come back, workers go on by themselves."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from leafloaf.stack.services import answers
from tests.faults.load import Shoppers, batch_of
from tests.faults.nursery import Child
from tests.faults.shop import APPLIED, Shop, meanwhile, wait_until
from tests.faults.web import Web

RECOVERED_SECONDS = 240
RESTARTS = 20


@contextmanager
def two_drainers(shop: Shop) -> Iterator[list[Child]]:
    running = [shop.drainer(), shop.drainer()]
    yield running
    for drainer in running:
        drainer.kill()


def assert_told_to_come_back(shoppers: Shoppers) -> None:
    """Every refusal was a 503 that says when to try again, as problem+json."""
    for status, headers, document in shoppers.refusals:
        assert (status, document["code"]) == (503, "database_away")
        assert int(headers["Retry-After"]) > 0
        assert headers["Content-Type"] == "application/problem+json"


@pytest.mark.slow
def test_restarted_at_once_in_mid_request_and_mid_drain(shop: Shop, web: Web) -> None:
    """SIGQUIT: every session is cut where it stands, and the server recovers from its log."""
    shoppers = web.shoppers()
    with two_drainers(shop):
        with meanwhile(*(shoppers.shop(f"r{number}") for number in range(3))):
            for _ in range(RESTARTS):
                time.sleep(1)
                shop.stack["postgres"].restart()
        wait_until(lambda: not shop.owed(), "the drainers have caught up by themselves", RECOVERED_SECONDS)
    assert_told_to_come_back(shoppers)
    assert set(shop.logged()) == shoppers.answered
    shop.assert_all_hold_the_log_once()


def test_cut_in_the_middle_of_a_request(shop: Shop, web: Web) -> None:
    """The one who asked is told to come back, and then is accepted, once."""
    shoppers, events = web.shoppers(), batch_of("cut", 0, 10)
    with suppress(psycopg.OperationalError), psycopg.connect(shop.environment["DATABASE_URL"]) as blocker:
        blocker.execute("LOCK TABLE capture_eventkey IN EXCLUSIVE MODE")
        sender = threading.Thread(target=shoppers.is_accepted, args=(events,))
        sender.start()
        wait_until(lambda: shop.backends("wait_event_type = 'Lock'") == 1, "the request is held up")
        shop.stack["postgres"].restart()
        sender.join()
    assert len(shoppers.refusals) == 1
    assert_told_to_come_back(shoppers)
    shoppers.until_accepted(events)
    assert shop.logged() == Counter(event["event_id"] for event in events)


def test_cut_while_a_batch_is_being_sent(shop: Shop) -> None:
    """What the stores took while Postgres was away is asked for, not sent again."""
    shop.write(25)
    for name in ("cloud_storage", "bigquery"):
        shop.standin(name).fail(match=APPLIED, apply_then={"delay_seconds": 1.0})
    with two_drainers(shop):
        wait_until(lambda: shop.standin("bigquery").fired() == 1, "rows are on their way")
        shop.stack["postgres"].restart()
        wait_until(lambda: not shop.owed(), "the drainers have caught up by themselves", RECOVERED_SECONDS)
    shop.assert_all_hold_the_log_once()


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_away_for_a_while(shop: Shop, web: Web, seconds: int) -> None:
    shoppers = web.shoppers()
    with two_drainers(shop):
        with meanwhile(*(shoppers.shop(f"a{number}") for number in range(3))):
            time.sleep(1)
            shop.stack["postgres"].stop()
            time.sleep(seconds)
            wait_until(lambda: answers(web.port(), "/health/live"), "it lives")
            assert not answers(web.port(), "/health/ready")
            before = len(shoppers.answered)
            shop.stack["postgres"].start()
            wait_until(lambda: len(shoppers.answered) > before, "requests are accepted again")
        wait_until(lambda: not shop.owed(), "the drainers have caught up by themselves", RECOVERED_SECONDS)
    assert shoppers.refusals
    assert_told_to_come_back(shoppers)
    assert set(shop.logged()) == shoppers.answered
    shop.assert_all_hold_the_log_once()


def test_a_writer_idle_in_its_transaction_holds_delivery_up_and_loses_nothing(shop: Shop) -> None:
    """Nothing may be sealed that it could still get in before; the server ends it, and everything flows again."""
    ended = suppress(psycopg.Error)
    with ended, psycopg.connect(shop.environment["DATABASE_URL"]) as idle, two_drainers(shop):
        idle.execute(
            "INSERT INTO capture_eventkey (key, digest, day)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), '2020-01-01')"
        )
        shop.write(60)
        time.sleep(1)
        assert shop.owed() == 3 * 60
        shop.nursery.run("take_readings")
        assert shop.ask("SELECT DISTINCT waiting, lag_seconds > 0.5 FROM capture_reading") == [(60, True)]
        idle.execute("SET idle_in_transaction_session_timeout = '500ms'")  # settings.py says 60 s
        wait_until(lambda: not shop.owed(), "it was ended, and all was delivered")
    shop.assert_all_hold_the_log_once()
    assert len(shop.logged()) == 60
