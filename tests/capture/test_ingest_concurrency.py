"""Many at once, and a server that dies: every event that was accepted is in the log, once."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection

from capture import ingest
from capture.models import Event, EventKey
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.stack.services import answers
from privacy.models import Subject
from tests.calls import cart, search
from tests.config import application

THREADS = 32


def sent(bodies: list[bytes]) -> ingest.Receipt:
    """One batch in a connection of its own."""
    try:
        return ingest.accept(bodies)
    finally:
        connection.close()


def all_at_once(batches: list[list[bytes]]) -> list[ingest.Receipt]:
    connection.close()
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(sent, batches))


def encoded(events: list[dict[str, Any]]) -> list[bytes]:
    return [msgspec.json.encode(event) for event in events]


def stored() -> Counter[str]:
    return Counter(Event.objects.values_list("event_id", flat=True))


@pytest.mark.usefixtures("room")
def test_the_same_events_from_many_threads_are_stored_once(log: None) -> None:
    events = encoded([search(user_id=f"user_{number % 50}") for number in range(200)])
    receipts = all_at_once([events] * THREADS)
    assert sum(receipt.accepted for receipt in receipts) == 200
    assert sum(receipt.duplicates for receipt in receipts) == 200 * (THREADS - 1)
    assert not any(receipt.rejected for receipt in receipts)
    assert (len(stored()), set(stored().values())) == (200, {1})
    assert EventKey.objects.count() == 200
    assert Subject.objects.count() == 50


@pytest.mark.usefixtures("room")
def test_overlapping_batches_in_any_order_do_not_dead_lock(log: None) -> None:
    events = encoded([search(user_id=f"user_{number % 30}") for number in range(200)])
    shuffled = random.Random(7)  # noqa: S311 (the same order every time)
    batches = [events, events[::-1]] * 8 + [shuffled.sample(events, 120) for _ in range(48)]
    receipts = all_at_once(batches)
    assert sum(receipt.accepted for receipt in receipts) == 200
    assert sum(receipt.accepted + receipt.duplicates for receipt in receipts) == sum(map(len, batches))
    assert (len(stored()), set(stored().values())) == (200, {1})


@pytest.mark.usefixtures("room")
def test_of_two_contents_for_one_id_the_first_stays_and_the_other_is_told(log: None) -> None:
    batches = [
        encoded([cart(event_id=f"e-{n}", quantity=number % 4) for n in range(20)]) for number in range(64)
    ]
    receipts = all_at_once(batches)
    assert sum(receipt.accepted for receipt in receipts) == 20
    conflicts = sum(len(receipt.rejected) for receipt in receipts)
    assert conflicts + sum(receipt.duplicates for receipt in receipts) == 63 * 20
    assert {fault.code for receipt in receipts for r in receipt.rejected for fault in r.faults} == {
        "conflict"
    }
    assert (len(stored()), set(stored().values())) == (20, {1})


def test_an_answer_is_a_promise_even_of_a_server_killed_at_work(log: None, tmp_path: Path) -> None:
    """kill -9 of the web server while eight clients send: whatever was answered with 202 is in the log."""
    key = keys.create("Back end", ApiClient.Kind.SECRET)
    promised: list[str] = []
    sending, enough = threading.Event(), threading.Semaphore(0)

    def send_until_it_dies(server: application.Web) -> None:
        while not sending.is_set():
            events = [cart(user_id="user_1") for _ in range(20)]
            try:
                answer = server.post("/api/v1/events", {"events": events})
            except (OSError, HTTPException):
                return
            assert (answer.status, answer.body["accepted"]) == (202, 20)
            promised.extend(event["event_id"] for event in events)
            enough.release()

    # A server that has only just begun is slow, and is not to send anybody away for that.
    variables = application.environment(tmp_path, WEB_WAIT_SECONDS="30")
    with application.web(variables, tmp_path, key, path="/health/live") as server:
        threads = [threading.Thread(target=send_until_it_dies, args=(server,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            assert enough.acquire(timeout=30)
        application.killed(server.process)
        for thread in threads:
            thread.join(30)
        sending.set()
        assert not answers(server.port, "/health/live")
    assert len(promised) >= 600
    assert set(promised) <= set(stored())
    assert set(stored().values()) == {1}
