"""Stores that lost something, or refused it, are made whole again from the log, and hold everything once."""

import json
from collections import Counter
from typing import Any

from django.conf import settings

from capture import control, dead_letters, deliver, ledger
from capture.models import DeadLetter, Sink
from leafloaf.stack.throwaway import ThrowawayStack
from tests.calls import Api, one_of_each
from tests.flows.stores import Stores, in_log
from tests.flows.test_every_event_arrives_once import run
from tests.standins import Standin

INSERT_ID_WINDOW_SECONDS = 60


def drain() -> None:
    for name in settings.SINKS:
        deliver.drain(name, is_final=True)
        Sink.objects.filter(name=name).update(available_at="2001-01-01T00:00Z")


def in_redis(stores: Stores) -> dict[str, Any]:
    """Every structure with what it holds; not the guards, nor how long it lives."""
    found: dict[str, Any] = {}
    for key in map(str, stores.redis.keys("*")):
        if stores.redis.type(key) == "hash":
            found[key] = stores.redis.hgetall(key)
        elif stores.redis.type(key) == "zset":
            found[key] = stores.redis.zrange(key, 0, -1, withscores=True)
    return found


def is_settled() -> None:
    accounts = ledger.close()
    assert ledger.open_accounts(accounts) == []
    assert {(account.pending, account.dead) for account in accounts} == {(0, 0)}
    for account in accounts:
        assert Sink.objects.get(name=account.sink).delivered == account.delivered == account.captured


def test_a_redis_that_was_emptied_holds_the_same_again(stores: Stores, secret: Api) -> None:
    for shopper in ("user_1", "user_2"):
        secret.send(*one_of_each(user_id=shopper))
        drain()
    before = in_redis(stores)
    stores.redis.flushall()
    control.back_fill("redis", by="olive")
    drain()
    assert in_redis(stores) == before
    control.back_fill("redis", by="olive")
    drain()
    assert in_redis(stores) == before, "nothing was counted twice"
    is_settled()


def test_stores_that_lost_nothing_hold_everything_once_after_a_back_fill(
    stores: Stores, secret: Api, stack: ThrowawayStack
) -> None:
    for _ in range(3):
        secret.send(*one_of_each(user_id="user_1"))
        drain()
    Standin(stack.environment["BIGQUERY_ENDPOINT"]).advance(2 * INSERT_ID_WINDOW_SECONDS)
    before = in_redis(stores)
    for name in settings.SINKS:
        assert control.back_fill(name, by="olive").events == 15
    drain()
    assert stores.in_cloud_storage() == stores.in_bigquery() == in_log()
    assert in_redis(stores) == before
    is_settled()


def test_rows_that_bigquery_refused_are_replayed_when_it_takes_them(
    stores: Stores, secret: Api, stack: ThrowawayStack
) -> None:
    """The first of two replays comes too early and is refused again."""
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    said = {"reason": "invalid", "location": "price", "message": "Cannot convert value to numeric"}
    body = json.dumps({"insertErrors": [{"index": place, "errors": [said]} for place in (0, 1)]})
    carts = {"method": "POST", "path": "cart_modification_events/insertAll"}
    standin.fail(times=2, match=carts, status=200, body=body, content_type="application/json")

    secret.send(*one_of_each(), *one_of_each())
    drain()
    (reason,) = dead_letters.by_reason(dead_letters.found(dead_letters.Wanted(sink="bigquery")))
    assert (reason.count, reason.event_types) == (2, ["cart"])
    assert reason.reason == "price: Cannot convert value to numeric"
    assert sum(stores.in_bigquery().values()) == 8

    assert run("dead_letters", "replay", "--sink", "bigquery").startswith("2 dead letters")
    drain()
    assert Counter(DeadLetter.objects.values_list("state", "attempts")) == {("dead", 2): 2}
    assert sum(stores.in_bigquery().values()) == 8

    run("dead_letters", "replay", "--sink", "bigquery", "--reason", "price: *")
    drain()
    assert stores.in_bigquery() == in_log()
    is_settled()
    standin.advance(2 * INSERT_ID_WINDOW_SECONDS)
    control.back_fill("bigquery", by="olive")
    drain()
    assert stores.in_bigquery() == in_log()
    is_settled()
