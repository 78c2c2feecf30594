"""Redis killed, empty after a restart, its broker flushed: a broker message is a wake-up and no more."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.config import application
from tests.faults.load import batch_of, post
from tests.faults.shop import DEMO_KEY, Shop, wait_until
from tests.faults.web import Web

SECONDS = 120


@pytest.fixture
def celery(shop: Shop, tmp_path: Path) -> Iterator[None]:
    """The worker and the scheduler that `make run` starts, on the shop's Redis."""
    started = [
        celery_process(
            shop, tmp_path, "worker", "-P", "threads", "-c", "4", "--without-mingle", "--without-gossip"
        ),
        celery_process(shop, tmp_path, "beat", "-s", str(tmp_path / "schedule")),
    ]
    yield
    for process in started:
        application.killed(process)


def celery_process(shop: Shop, folder: Path, name: str, *options: str) -> "subprocess.Popen[str]":
    arguments = ["-m", "celery", "-A", "leafloaf", name, *options]
    return application.begun(arguments, shop.environment, folder / f"{name}.log")


def deliver_some(shop: Shop, number: int) -> None:
    """Writes a few events, and waits until the two sinks that need no full batch have them."""
    shop.write(20)
    wait_until(lambda: not shop.owed("redis", "bigquery"), f"round {number} is delivered", SECONDS)


@pytest.mark.usefixtures("celery")
def test_delivery_goes_on_within_seconds_whatever_happens_to_the_broker(shop: Shop) -> None:
    deliver_some(shop, 1)
    with redis.Redis.from_url(shop.environment["CELERY_BROKER_URL"]) as broker:
        broker.flushall()  # the queue, its bindings, and all that the sink had stored
    deliver_some(shop, 2)
    shop.stack["redis"].kill()
    shop.write(20)
    shop.stack["redis"].start()
    deliver_some(shop, 3)
    assert shop.in_redis() == 40, "what came since it was emptied last"
    shop.nursery.run("sink", "back-fill", "redis")
    wait_until(lambda: not shop.owed("redis"), "Redis has everything again", SECONDS)
    shop.settle()
    shop.assert_all_hold_the_log_once()


def test_with_redis_down_searches_and_events_are_answered(shop: Shop, web: Web) -> None:
    shop.stack["redis"].kill()
    for number in range(3):
        events = {"events": batch_of(f"down-{number}", 0, 200)}
        status, _, document = post(web.port(), DEMO_KEY, events)
        assert (status, document["accepted"]) == (202, 200)
        status, _, document = post(web.port(), DEMO_KEY, {"query": "milk"}, "/api/v1/search")
        assert status == 200
        assert document["results"]
    drainer = shop.drainer()
    wait_until(lambda: not shop.owed("bigquery", "cloud_storage"), "the others have all")
    assert shop.owed("redis")
    shop.stack["redis"].start()
    wait_until(lambda: not shop.owed(), "Redis is tried again", 420)  # its rests grow while it is away
    drainer.kill()
    shop.assert_all_hold_the_log_once()
