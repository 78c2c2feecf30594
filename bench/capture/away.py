"""What one store that is away costs the others: their lag while BigQuery refuses at once, or does not answer at all.

The store is well, refuses and hangs in turns, under the same load, with the same Celery worker; between two turns it
is given the time to catch up.
"""

import json
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.capture import Sizes
from bench.capture.lag import REAL, celery, lag, now, post_at, stores
from bench.capture.measuring import execute
from bench.figures import Spread, Table, interleaved, ratios
from bench.stack import Stack
from leafloaf.access import keys
from leafloaf.access.models import ApiClient

AWAY = "bigquery"
OTHERS = ("redis", "cloud_storage")
RATES = (230, 530)
"""Not 200 and 500: there batches fill in step with the scheduler's half second, and a turn measures that they do."""
SECONDS = 8
WARM_SECONDS = 2
SETTLE_SECONDS = 2.0
CATCH_UP_SECONDS = 60.0
WELL, REFUSES, HANGS = "takes everything", "refuses at once (503)", "does not answer"
OWED = "SELECT count(*) FROM capture_outboxbatch WHERE sink = %s AND state <> 'delivered'"
RESUME = "UPDATE capture_sink SET failures = 0, available_at = now() WHERE name = %s"

Lags = dict[str, float]


class NeverCaughtUp(RuntimeError):
    """The store did not get what it was owed after it was well again."""


def measure(stack: Stack, sizes: Sizes) -> list[Table]:
    seconds = max(4, min(SECONDS, sizes.events // 1000))
    environment = stores(stack, "away")
    control = f"{environment['BIGQUERY_ENDPOINT']}/_standin/faults"
    key = keys.create("Bench away", ApiClient.Kind.SECRET)
    web, port = stack.granian("away-web", workers=2, threads=4, settings=REAL, environment=environment)
    table = Table("away", ["events/s", "BigQuery …", *columns()])
    with celery(stack, environment):
        post_at(port, key, RATES[0], WARM_SECONDS)
        for rate in RATES:
            load = partial(lags_under, port, key, rate, seconds)
            table.rows += rows(rate, measured(load, control, seconds, sizes.runs))
    stack.stop(web)
    return [table]


def measured(load: Callable[[], Lags], control: str, seconds: int, runs: int) -> dict[str, list[Lags]]:
    """The others' lags while the store is in each state, in turns."""
    # A whole turn is spent waiting for the answer; then the thread is free for the next turn.
    late = {"delay_seconds": WARM_SECONDS + seconds + SETTLE_SECONDS}
    actions: dict[str, dict[str, Any] | None] = {WELL: None, REFUSES: {"status": 503}, HANGS: late}
    turns = {name: partial(turn, load, control, action) for name, action in actions.items()}
    return interleaved(runs, turns)


def turn(load: Callable[[], Lags], control: str, action: dict[str, Any] | None) -> Lags:
    if action:
        ask(control, "POST", {"times": 1_000_000, "action": action})
    try:
        lags = load()
        assert not action or execute(OWED, AWAY)[0][0], f"{AWAY} was not away"
        return lags
    finally:
        ask(control, "DELETE")
        catch_up()


def lags_under(port: int, key: str, rate: int, seconds: int) -> Lags:
    """p95 of each of the others, of events sent once the store had the time to be noticed to be away."""
    post_at(port, key, rate, WARM_SECONDS)
    began = now()
    post_at(port, key, rate, seconds)
    ended = now()
    time.sleep(SETTLE_SECONDS)
    found = {name: lag(name, began, ended) for name in OTHERS}
    assert all(found.values()), found
    return {name: lags[1] for name, lags in found.items() if lags}


def catch_up() -> None:
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while time.monotonic() < deadline:
        execute(RESUME, AWAY)
        if not execute(OWED, AWAY)[0][0]:
            return
        time.sleep(0.5)
    raise NeverCaughtUp(f"{AWAY} is still owed {execute(OWED, AWAY)[0][0]} batches")


def columns() -> list[str]:
    return [column for name in OTHERS for column in (f"{name}: p95, s", "ratio (target: below 1.10)")]


def rows(rate: int, results: dict[str, list[Lags]]) -> list[list[str]]:
    made = []
    for state, found in results.items():
        cells = []
        for name in OTHERS:
            lags, usual = ([turn[name] for turn in turns] for turns in (found, results[WELL]))
            cells += [Spread(lags).text(), "" if state == WELL else ratios(lags, usual).text()]
        made.append([str(rate), state, *cells])
    return made


def ask(address: str, method: str, body: dict[str, Any] | None = None) -> None:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 (our own server)
        return
