"""Requests that are wrong, huge, odd or repeated, over real HTTP: never a 500, and the log has what was accepted."""

import gzip
import json
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.calls import cart, one_of_each, order, search
from tests.faults.load import post
from tests.faults.shop import DEMO_KEY, Shop, wait_until
from tests.faults.web import Web

NOW = datetime.now(UTC)
DEEP = b"[" * 100_000 + b"]" * 100_000


def in_years(years: float) -> str:
    return (NOW + timedelta(days=365 * years)).isoformat()


def event_with(raw: bytes, field: str = "metadata") -> bytes:
    """A search with a field as these very bytes."""
    return b'{"event_type": "search", "query": "milk", "%s": %s}' % (field.encode(), raw)


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"milk",
    "NaN": event_with(b"NaN", "confidence"),
    "infinity": event_with(b"1e999", "confidence"),
    "NaN inside": event_with(b'{"a": NaN}'),
    "a number beyond all floats": event_with(b'{"a": 1e999}'),
    "a lone surrogate": event_with(b'"\\ud800"', "query"),
    "a lone surrogate inside": event_with(b'{"\\udfff": "\\ud800"}'),
    "a NUL": event_with(b'"a\\u0000b"', "query"),
    "a NUL as a key": event_with(b'{"\\u0000": 1}'),
    "no UTF-8": event_with(b'"\xff\xfe"', "query"),
    "2^63": event_with(str(2**63).encode(), "results_count"),
    "-2^63 - 1": event_with(str(-(2**63) - 1).encode(), "results_count"),
    "2^63 inside": event_with(b'{"a": %d}' % 2**63),
    "2^64 inside": event_with(b'{"a": %d}' % 2**64),
    "2^200 inside": event_with(b'{"a": %d}' % 2**200),
    "a price of 2^200": json.dumps(cart(price=2**200)).encode(),
    "a price of 1e-30": event_with(b"1e-30", "price").replace(b"search", b"cart"),
    "deep": DEEP,
    "deep inside": event_with(DEEP),
    "deep objects": event_with(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "a deep thousand": event_with(b'{"a":' * 600 + b"1" + b"}" * 600),
    "12 MB": event_with(b'"%s"' % (b"x" * 12_000_000), "query"),
    "events no list": b'{"events": 7}',
    "events null": b'{"events": null}',
    "501 events": json.dumps({"events": [search() for _ in range(501)]}).encode(),
    "a clock years ahead": json.dumps(search(timestamp=in_years(7))).encode(),
    "a clock years behind": json.dumps(search(timestamp=in_years(-30))).encode(),
    "the year 9999": json.dumps(
        search(timestamp="9999-12-31T23:59:59Z", sent_at="0001-01-01T00:00:00Z")
    ).encode(),
    "the year 1": json.dumps(search(timestamp="0001-01-01T00:00:00+14:00")).encode(),
    "a clock years ahead that says so": json.dumps(
        search(timestamp=in_years(7), sent_at=in_years(7))
    ).encode(),
    "an id twice": json.dumps({"events": [search(event_id="twice"), cart(event_id="twice")]}).encode(),
}


@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
def test_nothing_that_is_sent_makes_an_internal_error(shop: Shop, web: Web, media_type: str) -> None:
    accepted = 0
    for name, body in BODIES.items():
        status, headers, document = post(web.port(), DEMO_KEY, body, **{"Content-Type": media_type})
        assert status in {202, 400, 413, 422}, (name, status, document)
        if status == 202:
            accepted += document["accepted"]
            assert (
                document["accepted"]
                or document["duplicates"]
                or document["rejected"][0]["errors"][0]["detail"]
            ), name
        else:
            assert headers["Content-Type"] == "application/problem+json", name
    assert len(shop.logged()) == accepted
    assert set(shop.logged().values()) <= {1}
    shop.settle()
    dead = {event_id for (event_id,) in shop.ask("SELECT event_id FROM capture_deadletter")}
    assert dead == set(), "what was accepted, every store can hold"
    shop.assert_all_hold_the_log_once()


ODD: list[Any] = [
    None,
    True,
    -1,
    2**63,
    2**200,
    -0.5,
    1e308,
    "",
    "x" * 300,
    "\u0000",
    "🥛",
    [],
    {},
    [[]],
    {"a": []},
]


def test_a_search_for_nothing_good_is_refused_or_answered(shop: Shop, web: Web) -> None:
    bodies = {name: body.replace(b'"event_type": "search", ', b"") for name, body in BODIES.items()}
    fields = (
        "query",
        "user_id",
        "session_id",
        "alpha",
        "filters",
        "sort",
        "limit",
        "offset",
        "recommendations",
    )
    inside = ("category", "brand", "dietary", "price_max", "in_stock")
    odd = [{"query": "milk", field: value} for field in fields for value in ODD]
    odd += [{"query": "milk", "filters": {field: value}} for field in inside for value in ODD]
    bodies |= {json.dumps(body): json.dumps(body).encode() for body in odd}
    for name, body in bodies.items():
        status, headers, _ = post(web.port(), DEMO_KEY, body, "/api/v1/search")
        assert status in {200, 400, 413, 422}, name
        assert status == 200 or headers["Content-Type"] == "application/problem+json", name
    shop.settle()
    assert shop.ask("SELECT event_id, reason FROM capture_deadletter") == []
    shop.assert_all_hold_the_log_once()


def test_gzip_that_is_none_cut_short_or_a_bomb(shop: Shop, web: Web) -> None:
    bomb = gzip.compress(b" " * 200_000_000)
    for body in (b"milk", gzip.compress(json.dumps(search()).encode())[:-9], bomb, bomb[: len(bomb) // 2]):
        status, _, _ = post(web.port(), DEMO_KEY, body, **{"Content-Encoding": "gzip"})
        assert status in {400, 413}
    assert not shop.logged()


def test_every_field_of_every_type_with_everything_odd(shop: Shop, web: Web) -> None:
    """One event a request would be slow: 500 at once, each verdict its own."""
    events = [{**event, field: value} for event in one_of_each() for field in event for value in ODD]
    accepted = 0
    for start in range(0, len(events), 500):
        status, _, document = post(web.port(), DEMO_KEY, {"events": events[start : start + 500]})
        assert status == 202
        accepted += document["accepted"]
    assert len(shop.logged()) == accepted
    shop.settle()
    assert shop.ask("SELECT event_id, reason FROM capture_deadletter") == []
    shop.assert_all_hold_the_log_once()


def test_the_same_orders_submitted_by_everybody_at_once(shop: Shop, web: Web) -> None:
    orders = [order(event_id=f"order-{number}") for number in range(100)]
    answers: list[Any] = []

    def submit() -> None:
        answers.append(post(web.port(), DEMO_KEY, {"events": orders}))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _, _ in answers] == [202] * 8
    assert sum(document["accepted"] for _, _, document in answers) == 100
    assert sum(document["duplicates"] for _, _, document in answers) == 700
    shop.settle()
    shop.assert_all_hold_the_log_once()


@pytest.mark.parametrize("seconds", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_eight_writers_that_commit_out_of_order(shop: Shop, seconds: int) -> None:
    """Each transaction stays open for a random while, so that later ids are visible before earlier ones."""
    writers = [shop.writer(f"writer-{number}", size=3, pause=0.01, hold=0.1) for number in range(8)]
    drainers = [shop.drainer(), shop.drainer()]
    wait_until(lambda: len(writers_in(shop.logged())) == len(writers), "all of them write")
    time.sleep(seconds)
    for process in writers:
        process.kill()
    shop.settle()
    for process in drainers:
        process.kill()
    shop.assert_all_hold_the_log_once()


def writers_in(event_ids: Iterable[str]) -> set[str]:
    return {event_id.rsplit("-", 2)[0] for event_id in event_ids}
