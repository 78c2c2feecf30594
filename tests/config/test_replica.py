"""A real web server with a real replica, whatever becomes of that: every answer is right, and none is older."""

import itertools
import signal
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import psycopg
import pytest

from leafloaf import checks
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.catalog import indexing
from leafloaf.stack import ports
from leafloaf.stack.standby import Standby
from leafloaf.stack.throwaway import ThrowawayStack
from tests.catalog.conftest import MakeProduct, make_product
from tests.catalog.replica.conftest import Replica, copy, standby, standing_by
from tests.config import application
from tests.config.application import Web
from tests.config.relay import Relay
from tests.faults.shop import meanwhile, wait_until
from tests.observability.exposed import Exposed

__all__ = ["copy", "make_product", "standby"]

ON_IT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class Spread(Relay):
    """Leads those who call to several servers in turn, as a load balancer of connections does."""

    def __init__(self, port: int, targets: list[int]) -> None:
        super().__init__(port, targets[0])
        self._turns = itertools.cycle(targets)

    def next_target(self) -> int:
        return next(self._turns)


@dataclass
class Shop:
    """A web server, and a shopper who changes the price of the one product and looks for it at once."""

    web: Web
    price: int = 0
    rounds: int = 0
    kept: int = 0
    limits: Iterator[int] = field(default_factory=lambda: itertools.cycle(range(1, 50)))

    def reads(self, outcome: str) -> float:
        url = f"http://127.0.0.1:{self.web.port}/metrics"
        asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.web.key}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 (likewise)
            return Exposed(answer.read().decode()).value("leafloaf_replica_reads_total", outcome=outcome)

    def shows(self, limit: int = 10) -> str:
        answer = self.web.post("/api/v1/search", {"query": "oat drink", "limit": limit})
        assert answer.status == 200, answer
        [found] = answer.body["results"]
        self.kept += answer.body["execution"]["cache"] == "hit"
        return str(found["price"])

    def change(self) -> str:
        """The new price, committed."""
        self.price = self.price % 999 + 1
        with psycopg.connect(application.database_url()) as primary:
            primary.execute("UPDATE catalog_offer SET price = %s", [self.price])
        return f"{self.price}.00"

    def goes_on(self, enough: Event) -> None:
        """Round by round: the page that is made anew, the one that was kept, another one, suggestions, the probe."""
        while not enough.is_set():
            expected = self.change()
            for limit in (10, 10, next(self.limits)):
                assert self.shows(limit) == expected
            suggested = self.web.get("/api/v1/suggest?q=oat", Authorization=f"Bearer {self.web.key}")
            assert suggested.status == 200
            assert "Oat drink" in [one["text"] for one in suggested.body["suggestions"]]
            assert self.web.get("/health/ready").status == 200
            self.rounds += 1

    def are_read(self, outcome: str, times: int = 20) -> None:
        """Waits until so many more were."""
        before = self.reads(outcome)
        wait_until(lambda: self.reads(outcome) >= before + times, f"{times} reads: {outcome}", 60)


@pytest.fixture
def key(log: None, make_product: MakeProduct) -> str:
    """Of a shop that sells one thing."""
    make_product("Oat drink", category="Drinks", price=1)
    indexing.refresh()
    return keys.create("Back end", ApiClient.Kind.SECRET)


def opened(folder: Path, key: str, port: int) -> AbstractContextManager[Web]:
    """Its web server, with the replica at that port."""
    address = application.database_url(port)
    return application.web(
        application.environment(folder, DATABASE_REPLICA_URL=address), folder, key, workers=2
    )


def test_whatever_becomes_of_the_replica_every_answer_is_right(
    copy: Replica, key: str, tmp_path: Path
) -> None:
    with opened(tmp_path, key, copy.port) as web:
        shop = Shop(web)
        with meanwhile(shop.goes_on):
            shop.are_read("replica")
            copy.server.kill()
            shop.are_read("away")
            copy.server.process.start()
            copy.server.process.wait_until_ready()
            shop.are_read("replica")
            copy.signal(signal.SIGSTOP)
            try:
                shop.are_read("away")
            finally:
                copy.signal(signal.SIGCONT)
            shop.are_read("replica")
            for _ in range(3):
                with copy.paused():
                    shop.are_read("behind")
                shop.are_read("replica")
        assert shop.rounds > 20
        assert shop.kept > shop.rounds / 2  # pages in Redis, left alone for a while when it was late
    told = (tmp_path / "web.log").read_text()
    # Of each of the two processes, once a death: not with each read. A slow machine may be taken for one more.
    assert told.count("The replica is away.") <= 8
    assert "Traceback" not in told


def test_a_server_that_begins_without_its_replica_serves_and_uses_it_once_it_is_there(
    copy: Replica, key: str, tmp_path: Path
) -> None:
    copy.server.kill()
    with opened(tmp_path, key, copy.port) as web:
        shop = Shop(web)
        with meanwhile(shop.goes_on):
            shop.are_read("away")
            copy.server.process.start()
            copy.server.process.wait_until_ready()
            shop.are_read("replica")


@pytest.fixture
def late(stack: ThrowawayStack, copy: Replica) -> Iterator[Replica]:
    """Another one, which stays where it is now."""
    with standing_by(stack["postgres"]) as server:
        service = server.service
        assert isinstance(service, Standby)
        made = Replica(server, service.port, copy.before)
        made.pause()
        yield made


def test_of_two_behind_one_address_the_late_one_is_never_read(
    copy: Replica, late: Replica, key: str, tmp_path: Path
) -> None:
    """Each connection leads to one of them, which says for itself how new it is."""
    with Spread(ports.any_free(), [copy.port, late.port]) as both, opened(tmp_path, key, both.port) as web:
        shop = Shop(web)

        def are_both_read(shoppers: ThreadPoolExecutor) -> bool:
            expected = shop.change()
            copy.catch_up()
            found = set(shoppers.map(lambda _: shop.shows(next(shop.limits)), range(12)))
            assert found == {expected}
            return min(shop.reads("replica"), shop.reads("behind")) > 40

        with ThreadPoolExecutor(6) as shoppers:
            for _ in range(40):
                are_both_read(shoppers)
            # Where a machine was so slow that one of them was left alone for a while, it takes longer.
            wait_until(lambda: are_both_read(shoppers), "both are read, again and again")
        assert copy.ask(ON_IT)[0][0] > 0
        assert late.ask(ON_IT)[0][0] > 0
        assert shop.reads("failed") < shop.reads("behind"), "who is late has not failed"


@pytest.mark.parametrize(
    ("port", "ids"),
    [("", ["leafloaf.E005"]), (5432, ["leafloaf.E005"]), ("5432", ["leafloaf.E005"]), (5433, [])],
)
def test_the_primary_is_no_replica_of_its_own_with_or_without_the_usual_port(
    port: str | int, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = {"HOST": "db", "PORT": "", "NAME": "shop"}
    named = {"default": at, "replica": at | {"PORT": port}}
    monkeypatch.setattr(checks, "settings", SimpleNamespace(DATABASES=named))
    assert [found.id for found in checks.replica_is_another_server()] == ids
