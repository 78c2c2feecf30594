"""kill -9 of the web server: what it said 202 to is in the log, and what is sent again comes in once."""

import random
import threading
import time
from typing import Any

import psycopg
import pytest

from tests.faults.load import batch_of
from tests.faults.shop import Shop, meanwhile, wait_until
from tests.faults.web import Web

NO_SUCH_STANDBY = "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"


@pytest.mark.parametrize("kills", [1, pytest.param(25, marks=pytest.mark.slow)])
def test_killed_at_random_under_load(shop: Shop, mortal_web: Web, chance: random.Random, kills: int) -> None:
    shoppers = mortal_web.shoppers()
    with meanwhile(*(shoppers.shop(f"s{number}") for number in range(4))):
        for _ in range(kills):
            time.sleep(chance.uniform(0.3, 1))
            mortal_web.kill()
            mortal_web.begin()
    assert shoppers.failures > 0
    assert {status for status, *_ in shoppers.refusals} <= {503}  # from a server that is just beginning
    logged = shop.logged()
    assert set(logged.values()) == {1}
    assert set(logged) == shoppers.answered


def send_and_die(web: Web, events: list[dict[str, Any]], is_stuck: Any) -> None:
    """Kills the server while the request is where `is_stuck` says; nobody hears its answer."""
    shoppers = web.shoppers()
    sender = threading.Thread(target=shoppers.is_accepted, args=(events,))
    sender.start()
    wait_until(is_stuck, "the request is held up")
    web.kill()
    sender.join()
    assert (shoppers.failures, shoppers.answered) == (1, set())


def test_killed_before_the_commit_nothing_is_there_and_the_retry_brings_it_in(
    shop: Shop, mortal_web: Web
) -> None:
    events = batch_of("before", 0, 10)
    with psycopg.connect(shop.environment["DATABASE_URL"]) as blocker:
        blocker.execute("LOCK TABLE capture_eventkey IN EXCLUSIVE MODE")
        send_and_die(mortal_web, events, lambda: shop.backends("wait_event_type = 'Lock'") == 1)
        blocker.rollback()
    mortal_web.begin()
    shoppers = mortal_web.shoppers()
    assert shoppers.is_accepted(events)
    assert dict(shop.logged()) == {event["event_id"]: 1 for event in events}
    shop.settle()
    shop.assert_all_hold_the_log_once()


def test_killed_after_the_commit_the_retry_is_told_of_duplicates(shop: Shop, mortal_web: Web) -> None:
    """A commit that waits for a standby that does not exist is done on disk, and nobody has been told."""
    events = batch_of("after", 0, 10)
    shop.ask(NO_SUCH_STANDBY)
    shop.ask("SELECT pg_reload_conf()")
    wait_until(lambda: shop.ask("SHOW synchronous_standby_names") == [("nobody",)], "new sessions know")
    for _ in range(2):
        shop.ask("CHECKPOINT")  # by the process that has commits wait: before the second it has read it too
    try:
        send_and_die(mortal_web, events, lambda: shop.backends("wait_event = 'SyncRep'") == 1)
    finally:
        shop.ask("ALTER SYSTEM RESET synchronous_standby_names")
        shop.ask("SELECT pg_reload_conf()")
    wait_until(lambda: len(shop.logged()) == 10, "the commit is seen")
    mortal_web.begin()
    shoppers = mortal_web.shoppers()
    assert shoppers.is_accepted(events)
    assert shoppers.duplicates == 10
    assert set(shop.logged().values()) == {1}
    shop.settle()
    shop.assert_all_hold_the_log_once()
