"""Celery over Google's Pub/Sub: worker and scheduler as shipped, on Google's emulator, behind a wire that is cut."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.config import application
from tests.faults.load import batch_of, post
from tests.faults.shop import DEMO_KEY, Shop, wait_until
from tests.faults.web import Web
from tests.pubsub import proxy
from tests.pubsub.proxy import Proxy

SECONDS = 120
WORKER = ("worker", "-P", "threads", "-c", "4", "--without-mingle", "--without-gossip")


@dataclass
class OnPubSub:
    shop: Shop
    wire: Proxy
    folder: Path
    processes: "dict[str, subprocess.Popen[str]]"

    def start(self, name: str, *options: str) -> None:
        arguments = ["-m", "celery", "-A", "leafloaf", name, *options]
        log = self.folder / f"{name}.log"
        self.processes[name] = application.begun(arguments, self.shop.environment, log)

    def delivered(self, what: str) -> None:
        """The two sinks that need no full batch have what was written."""
        wait_until(lambda: not self.shop.owed("redis", "bigquery"), f"{what}: {self.said()}", SECONDS)

    def said(self) -> str:
        logs = [self.folder / f"{name}.log" for name in self.processes]
        return "\n".join(log.read_text()[-1500:] for log in logs if log.exists())


@pytest.fixture
def celery(shop: Shop, pubsub_emulator: str, tmp_path: Path) -> Iterator[OnPubSub]:
    with proxy.to(pubsub_emulator) as wire:
        broker = {"CELERY_BROKER_URL": "gcpubsub://projects/shop-1", "PUBSUB_EMULATOR_HOST": wire.address}
        there = replace(shop, environment={**shop.environment, **broker})
        found = OnPubSub(there, wire, tmp_path, {})
        found.start(*WORKER)
        found.start("beat", "-s", str(tmp_path / "schedule"))
        yield found
        for process in found.processes.values():
            application.killed(process)


def test_delivery_goes_on_whatever_happens_to_the_broker(celery: OnPubSub) -> None:
    shop = celery.shop
    shop.write(20)
    celery.delivered("the first events")
    celery.wire.cut()
    shop.write(20)
    assert shop.owed("redis", "bigquery"), "nobody could be woken"
    celery.wire.mend()
    celery.delivered("what came while the broker was away")
    application.killed(celery.processes["worker"])
    shop.write(20)
    celery.start(*WORKER)
    celery.delivered("what came while there was no worker")
    assert celery.processes["beat"].poll() is None
    shop.settle()
    shop.assert_all_hold_the_log_once()


def test_a_worker_that_starts_before_its_broker_waits_for_it(celery: OnPubSub) -> None:
    shop = celery.shop
    application.killed(celery.processes["worker"])
    celery.wire.cut()
    celery.start(*WORKER)
    wait_until(lambda: "Pub/Sub" in celery.said() or "rying" in celery.said(), "the worker tries", SECONDS)
    assert celery.processes["worker"].poll() is None
    shop.write(20)
    celery.wire.mend()
    celery.delivered("what came before the broker did")


def test_a_full_batch_wakes_the_worker_from_a_request(celery: OnPubSub, tmp_path: Path) -> None:
    """Without the scheduler, which looks twice a second anyway. Not every request does: a worker that was killed while
    it asked, an earlier test's, takes the next message with it.
    """
    shop = celery.shop
    shop.write(1)
    celery.delivered("the worker runs")
    application.killed(celery.processes.pop("beat"))
    web = Web(shop, tmp_path / "web.log")
    try:
        wait_until(web.is_ready, "the web server is ready")
        assert any(wakes(celery, web, f"woken-{number}") for number in range(10)), celery.said()
        celery.wire.cut()
        for number in range(3):
            send(web, f"away-{number}")
    finally:
        web.kill()


def wakes(celery: OnPubSub, web: Web, name: str) -> bool:
    """Whether a worker delivers what a request brings, within seconds."""
    send(web, name)
    deadline = time.monotonic() + 10
    while celery.shop.owed("redis"):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def send(web: Web, name: str) -> None:
    status, _, document = post(web.port(), DEMO_KEY, {"events": batch_of(name, 0, 500)})
    assert (status, document["accepted"]) == (202, 500)
