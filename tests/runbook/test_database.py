"""The runbook's entries about the database, brought about and ended as the page says."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from leafloaf.stack.services import answers
from leafloaf.stack.standby import Standby
from leafloaf.stack.throwaway import Component
from tests.catalog.replica.conftest import standing_by
from tests.faults.load import batch_of, post
from tests.faults.nursery import nursery
from tests.faults.shop import DEMO_KEY, wait_until
from tests.faults.web import Web
from tests.runbook.conftest import Duty

OLDEST = """
    SELECT pid, state FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 1
"""
"""What the page has whoever is called look for: who has been at it for longest."""


def test_the_database_is_away(duty: Duty) -> None:
    shop, port = duty.shop, duty.web.port()
    shop.write(25)
    shop.stack["postgres"].kill()
    wait_until(lambda: duty.asks()["status"] == "unhealthy", "health says so")
    wait_until(lambda: answers(port, "/health/live"), "it lives")
    assert not answers(port, "/health/ready")
    events = {"events": batch_of("away", 0, 10)}
    status, headers, document = post(port, DEMO_KEY, events)
    assert (status, document["code"], int(headers["Retry-After"]) > 0) == (503, "database_away", True)
    duty.sees("Postgres is away.")
    shop.stack["postgres"].start()
    wait_until(lambda: answers(port, "/health/ready"), "ready again")
    duty.sees("Postgres is back.")
    status, _, document = post(port, DEMO_KEY, events)
    assert (status, document["accepted"]) == (202, 10)
    duty.is_over()


def test_the_database_is_slow(duty: Duty) -> None:
    """As slow as it gets: somebody holds the catalogue's table, and searches end at their limit."""
    port = duty.web.port()
    query = {"query": f"milk {time.monotonic()}"}
    with psycopg.connect(duty.shop.environment["DATABASE_URL"], autocommit=True) as holder:
        holder.execute("BEGIN; LOCK TABLE catalog_product")
        status, headers, document = post(port, DEMO_KEY, query, "/api/v1/search")
        assert (status, document["code"]) == (503, "search_timeout")
        assert int(headers["Retry-After"]) > 0
        duty.sees("POST api/v1/search 503")
        status, _, document = post(port, DEMO_KEY, {"events": batch_of("slow", 0, 10)})
        assert (status, document["accepted"]) == (202, 10)
        ((pid, state),) = duty.shop.ask(OLDEST)
        assert state == "idle in transaction"
        duty.shop.ask(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(psycopg.OperationalError):
            holder.execute("COMMIT")
    status, _, _ = post(port, DEMO_KEY, query, "/api/v1/search")
    assert status == 200
    duty.is_over()


@contextmanager
def with_replica(duty: Duty) -> Iterator[tuple[Duty, Component, str]]:
    """The same shop with a replica, which is given too, with its address."""
    with standing_by(duty.shop.stack["postgres"]) as standby:
        service = standby.service
        assert isinstance(service, Standby)
        address = duty.shop.environment["DATABASE_URL"].replace(
            f":{service.primary.port}/", f":{service.port}/"
        )
        environment = {**duty.shop.environment, "DATABASE_REPLICA_URL": address}
        with nursery(environment, duty.web.log.with_name("replica-commands.log")) as children:
            shop = replace(duty.shop, environment=environment, nursery=children)
            web = Web(shop, duty.web.log.with_name("replica-web.log"))
            try:
                yield Duty(shop, web, seen=duty.seen), standby, address
            finally:
                web.kill()


def test_the_replica_is_not_read(duty: Duty) -> None:
    """First it stands still, then it is gone, then it is back."""

    def finds(price: float) -> None:
        query = {"query": "milk", "limit": 1, "sort": "price_asc"}
        status, _, document = post(called.web.port(), DEMO_KEY, query, "/api/v1/search")
        assert (status, float(document["results"][0]["price"])) == (200, price)

    with with_replica(duty) as (called, standby, address):
        assert called.health()["replica"] == "healthy"
        with psycopg.connect(address, autocommit=True) as replica:
            replica.execute("SELECT pg_wal_replay_pause()")
        called.shop.ask("UPDATE catalog_offer SET price = 0.07")
        finds(0.07)
        assert called.health()["replica"] == "degraded"
        standby.kill()
        called.shop.ask("UPDATE catalog_offer SET price = 0.08")
        finds(0.08)
        wait_until(lambda: "The replica is away." in called.log(), "the web server has looked")
        called.sees("The replica is away.")
        assert called.health()["replica"] == "unhealthy"
        standby.process.start()
        standby.process.wait_until_ready()
        wait_until(lambda: "The replica is back." in called.web.log.read_text(), "the web server sees it")
        called.sees("The replica is back.")
        wait_until(lambda: called.health()["replica"] == "healthy", "it has caught up")
        finds(0.08)
        called.is_over()
