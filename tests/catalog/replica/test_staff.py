"""What staff and monitors are told of the replica: by a worker, who looks, and never by making anybody wait."""

import html
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client

from capture import health, health_replica
from leafloaf.catalog import replica
from leafloaf.catalog.models import Product
from leafloaf.catalog.search import search
from leafloaf.checks import replica_is_another_server
from leafloaf.lib import database
from tests.catalog.replica.conftest import Replica, visiting
from tests.catalog.replica.test_reading import oat, paused

__all__ = ["oat", "paused"]


def told() -> tuple[object, object, list[str]]:
    """Of `/health`: all of it, the replica, the sentences for a person."""
    answer = Client().get("/health")
    assert answer.status_code == 200
    found = answer.json()
    return found["status"], found["replica"], found["notices"]


def test_one_that_has_caught_up_is_healthy(copy: Replica) -> None:
    health.take_readings()
    _, state, said = told()
    assert (state, said) == ("healthy", [])


@pytest.mark.usefixtures("paused")
def test_one_that_is_behind_is_degraded_until_it_has_caught_up(copy: Replica, oat: Product) -> None:
    oat.name = "Barley drink"
    oat.save()
    health.take_readings()
    assert told() == ("degraded", "degraded", [health_replica.SENTENCES["degraded"]])
    copy.resume()
    copy.catch_up()
    health.take_readings()
    _, state, said = told()
    assert (state, said) == ("healthy", [])


def test_one_that_lags_a_moment_behind_a_load_is_healthy(
    copy: Replica, oat: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "BEHIND_SECONDS", 60.0)
    for price in range(1, 30):
        oat.offer.price = price
        oat.offer.save()
        if price % 10 == 0:
            assert replica.look() == "healthy"


def test_one_that_is_gone_is_unhealthy_and_the_shop_is_degraded(copy: Replica) -> None:
    copy.server.kill()
    health.take_readings()
    assert told() == ("degraded", "unhealthy", [health_replica.SENTENCES["unhealthy"]])
    copy.wait(lambda: database.REPLICA.is_away)
    assert replica.look() == "unhealthy"
    copy.server.process.start()
    copy.server.process.wait_until_ready()
    copy.wait(lambda: not database.REPLICA.is_away)
    copy.wait(lambda: replica.look() == "healthy")


def test_nobody_who_asks_for_health_asks_one_that_is_frozen(copy: Replica) -> None:
    health.take_readings()
    copy.signal(signal.SIGSTOP)
    try:
        assert [told()[1] for _ in range(3)] == ["healthy"] * 3  # as last read
        assert not database.REPLICA.is_away  # which whoever asks it would find
        health.take_readings()
        assert database.REPLICA.is_away
        assert told()[:2] == ("degraded", "unhealthy")
    finally:
        copy.signal(signal.SIGCONT)


def test_one_that_no_worker_has_looked_at_is_unknown(copy: Replica) -> None:
    assert told()[:2] == ("degraded", "unknown")
    health.take_readings(datetime.now(UTC) - health.STALE_AFTER - timedelta(seconds=1))
    assert told()[:2] == ("degraded", "unknown")


@pytest.fixture
def promoted(copy: Replica) -> Iterator[None]:
    """By mistake; it is made anew afterwards."""
    assert copy.ask("SELECT pg_promote()") == [(True,)]
    yield
    copy.server.kill()


@pytest.mark.usefixtures("promoted")
def test_one_that_was_promoted_is_told_of_and_logged_once(
    copy: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        health.take_readings()
    assert told() == ("degraded", "unhealthy", [health_replica.SENTENCES["primary"]])
    assert caplog.text.count("is no replica, or one no longer") == 1


@pytest.mark.usefixtures("promoted")
def test_one_that_was_promoted_is_not_read_after_the_next_change(copy: Replica, oat: Product) -> None:
    oat.name = "Barley drink"
    oat.save()
    assert [hit.name for hit in search("drink").results] == ["Barley drink"]
    assert copy.reads == {"behind": 1}


def test_the_primary_by_another_name_is_no_replica(copy: Replica) -> None:
    with visiting(HOST="localhost", PORT=connections.settings["default"]["PORT"]):
        assert replica_is_another_server() == []
        copy.warm()
        health.take_readings()
    assert told() == ("degraded", "unhealthy", [health_replica.SENTENCES["primary"]])


def test_staff_read_it_on_the_overview_and_on_backend_health(copy: Replica, admin_client: Client) -> None:
    copy.server.kill()
    health.take_readings()
    for page in ("/admin/", "/admin/dashboards/backend-health/"):
        shown = html.unescape(admin_client.get(page).content.decode())
        assert health_replica.SENTENCES["unhealthy"] in shown


def test_readings_of_it_are_no_sinks(copy: Replica, admin_client: Client) -> None:
    health.take_readings()
    shown = admin_client.get("/admin/dashboards/backend-health/").content.decode()
    assert "sink-replica" not in shown
    assert set(health.latest()) == set(settings.SINKS)
