"""BigQuery on bad days, through the whole pipeline: rows held, the ledger, and what the other sinks do meanwhile."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from capture import schema
from capture.models import DeadLetter, OutboxBatch, Sink
from tests.faults import pipeline
from tests.faults.shop import Shop, wait_until
from tests.flows.stores import Stores
from tests.standins import Standin

SPELL_SECONDS = 45
INSERT = {"method": "POST", "path": "/insertAll"}
HTML = {"body": "<html>Bad gateway</html>", "content_type": "text/html"}
ANSWERS: list[dict[str, Any]] = [
    {"status": 500, "reason": "internalError"},
    {"status": 502, **HTML},
    {"status": 503, "reason": "backendError"},
    {"status": 504, "reason": "timeout"},
    {"status": 408, "reason": "timeout"},
    {"status": 429, "reason": "rateLimitExceeded"},
    {"status": 200, **HTML},
    {"status": 200, "body": "[]", "content_type": "application/json"},
    {"status": 403, "reason": "quotaExceeded"},
    {"status": 403, "reason": "accessDenied"},
    {"status": 401, "reason": "authError"},
    {"status": 404, "reason": "notFound"},
    {"hang_up": True},
    {"apply_then": {"status": 503}},
    {"apply_then": {"hang_up": True}},
    {"apply_then": {"status": 200, **HTML}},
]


@pytest.fixture
def standin(stores: Stores) -> Iterator[Standin]:
    opened = Standin(settings.BIGQUERY_ENDPOINT)
    yield opened
    opened.mend()


def answered(reason: str, index: int) -> dict[str, Any]:
    """A 200 that refuses one row."""
    error = {"reason": reason, "location": "", "debugInfo": "", "message": "The stand-in says so."}
    body = json.dumps({"insertErrors": [{"index": index, "errors": [error]}]})
    return {"status": 200, "body": body, "content_type": "application/json"}


def test_every_bad_answer_delays_bigquery_alone_and_doubles_nothing(stores: Stores, standin: Standin) -> None:
    """Beyond the 60 s in which BigQuery remembers an insertId, too."""
    for number, answer in enumerate(ANSWERS):
        pipeline.capture(f"b{number}")
        standin.fail(times=10**6, match=INSERT, **answer)
        for _ in range(2):
            delivered = pipeline.next_cycle()
            assert delivered["bigquery"] == 0, answer
        standin.mend()
        standin.advance(120)
        assert OutboxBatch.objects.filter(sink="bigquery", state="sealed").count() == 1, answer
        assert not OutboxBatch.objects.exclude(sink="bigquery").exclude(state="delivered").exists()
        assert pipeline.next_cycle()["bigquery"] == 25, answer
    pipeline.assert_all_hold_the_log_once(stores)
    assert not DeadLetter.objects.exists()


def test_a_quota_passes_and_denied_access_waits_for_a_person(stores: Stores, standin: Standin) -> None:
    rests = {}
    for reason in ("quotaExceeded", "accessDenied"):
        pipeline.capture(reason)
        Sink.objects.update(failures=0)
        standin.fail(match=INSERT, status=403, reason=reason)
        pipeline.next_cycle()
        rested = Sink.objects.get(name="bigquery")
        assert rested.last_error_at is not None
        rests[reason] = (rested.available_at - rested.last_error_at).total_seconds()
    assert 29 < rests["quotaExceeded"] < 31
    assert rests["accessDenied"] > 240
    pipeline.next_cycle()
    pipeline.assert_all_hold_the_log_once(stores)


def test_one_invalid_row_and_499_stopped(stores: Stores) -> None:
    """Inserted are none at first: the others arrive in the same cycle, and the bad one is a dead letter."""
    ids = pipeline.capture("poison", 500)
    spoil = ids[252]  # a cart
    pipeline.spoil(spoil, "quantity", "many")
    assert pipeline.cycle()["bigquery"] == 499
    letter = DeadLetter.objects.get()
    assert (letter.sink, letter.event_id) == ("bigquery", spoil)
    assert letter.reason.startswith("quantity: ")
    pipeline.assert_all_hold_the_log_once(stores, dead={spoil})


def test_one_invalid_row_and_499_inserted(stores: Stores, standin: Standin) -> None:
    """The store holds the others although the answer names an error: they are asked for and not sent again."""
    bad = pipeline.capture("kept", 500)[495]  # the last of a hundred searches
    table = schema.TABLES["search"]
    standin.lose_rows(table, every=100)
    standin.fail(match=INSERT | {"path": f"/{table}/insertAll"}, apply_then=answered("invalid", 99))
    try:
        assert pipeline.cycle()["bigquery"] == 499
    finally:
        standin.lose_rows(table, every=0)
    assert DeadLetter.objects.get().event_id == bad
    pipeline.assert_all_hold_the_log_once(stores, dead={bad})


@pytest.mark.parametrize("window_seconds", [10, 120])
def test_a_timeout_after_the_server_had_applied_it(
    stores: Stores, standin: Standin, window_seconds: int
) -> None:
    pipeline.capture("timed-out", 100)
    standin.fail(times=5, match=INSERT, apply_then={"hang_up": True})
    for _ in range(5):
        assert pipeline.next_cycle()["bigquery"] == 0
        standin.advance(window_seconds)
    assert pipeline.next_cycle()["bigquery"] == 100
    pipeline.assert_all_hold_the_log_once(stores)


@pytest.mark.slow
def test_a_long_spell_of_errors_under_way(shop: Shop) -> None:
    """Drainers that nobody touches: the others deliver all along, and BigQuery is caught up with by itself."""
    writer = shop.writer("minutes")
    drainers = [shop.drainer(), shop.drainer()]
    until = time.monotonic() + SPELL_SECONDS
    while time.monotonic() < until:
        for answer in ANSWERS[:7]:
            shop.standin("bigquery").fail(times=3, match=INSERT, **answer)
        time.sleep(1)
    writer.kill()
    wait_until(lambda: not shop.owed("redis", "cloud_storage"), "the others have all")
    shop.mend()
    wait_until(lambda: not shop.owed(), "BigQuery was tried again", seconds=420)
    for drainer in drainers:
        drainer.kill()
    shop.assert_all_hold_the_log_once()
