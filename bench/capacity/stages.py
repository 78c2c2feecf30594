"""One round: each stage once, in the order in which an event goes through them, on what the round itself sent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings

import capture.tasks
import leafloaf.storefront.tasks
import personalization.tasks
from bench.capacity import growing
from bench.capacity.asking import Visitors
from bench.capacity.figures import Cost
from bench.capacity.names import (
    AFTER_CHECKPOINT,
    BATCH,
    COUNT,
    COUNT_PEOPLE,
    DELIVER,
    ERASURE,
    INGEST_KNOWN,
    INGEST_MANY,
    INGEST_ONE,
    INGEST_UNKNOWN,
    RETENTION,
    ROUTES,
    SEAL,
)
from bench.capacity.options import Options
from bench.capacity.spending import Meter
from bench.capture import clients
from bench.capture.measuring import execute, setting
from bench.privacy.parts import OUT_OF_THE_BUFFER
from bench.privacy.shop import Shop
from capture import deliver, ingest, retention, seal
from privacy.erasure import machine, requests
from privacy.models import Actor, DeletionRequest

PERSON_EVENTS = 195
TRIES = 20
"""Of an erasure: one is enough unless something is wrong."""
ERASURES = 3
"""At most, at each size: each has the baskets of the whole log counted anew."""
WARM_UP = 60


@dataclass
class Rounds:
    """All rounds at one size of the log. `web` and `port` are those of the one web process."""

    shop: Shop
    given: Options
    visitors: Visitors
    size: int
    web: int
    port: int
    number: int = 0
    costs: dict[str, list[Cost]] = field(default_factory=dict)

    @property
    def served(self) -> Meter:
        return Meter.of(self.shop.running, self.web)

    @property
    def worked(self) -> Meter:
        return Meter.of(self.shop.running)

    def run(self) -> dict[str, list[Cost]]:
        """Autovacuum is off meanwhile: it comes when it comes, and its work would be whosever stage it met."""
        self.warm_up()
        with setting("autovacuum", "off"):
            for number in range(self.given.runs):
                self.number = number
                for stage, cost in self.round():
                    self.costs.setdefault(stage, []).append(cost)
        return self.costs

    def warm_up(self) -> None:
        """Connections, prepared statements, caches; what it sends is delivered before the first round."""
        few = min(WARM_UP, self.given.requests)
        for route in ROUTES:
            clients.post(self.port, self.visitors.requests(route, few), 200)
        clients.post(self.port, self.visitors.events(few * 10, 10))
        clients.post(self.port, self.visitors.events(few, 1))
        for name in growing.enabled():
            deliver.drain(name, budget_seconds=600, is_final=True)
        growing.count()

    def round(self) -> Iterator[tuple[str, Cost]]:
        only = self.given.only
        if "requests" in only:
            yield from self.asked()
        if "ingest" in only:
            yield from self.ingested()
        if "outbox" in only:
            yield from self.delivered()
        if "counting" in only:
            yield from self.counted()
        if "retention" in only:
            yield RETENTION, self.dropped()
        if "erasure" in only and self.number < ERASURES:
            yield ERASURE, self.erased()

    def asked(self) -> Iterator[tuple[str, Cost]]:
        for route in ROUTES:
            sent = self.visitors.requests(route, self.given.requests)
            yield route, self.served.measured(len(sent), lambda sent=sent: clients.post(self.port, sent, 200))  # type: ignore[misc]

    def ingested(self) -> Iterator[tuple[str, Cost]]:
        many, fresh = self.given.events, self.visitors.events
        yield INGEST_ONE, self.sent(fresh(self.given.requests * 2, 1), self.given.requests * 2)
        yield INGEST_MANY, self.sent(fresh(many, BATCH), many)
        yield INGEST_KNOWN, self.sent(fresh(many, BATCH, is_known=True), many)
        yield INGEST_UNKNOWN, self.sent(fresh(many, BATCH, is_known=False), many)
        if self.number == self.given.runs - 1:
            execute("CHECKPOINT")
            yield AFTER_CHECKPOINT, self.sent(fresh(many, BATCH), many)

    def sent(self, made: list[bytes], events: int) -> Cost:
        return self.served.measured(events, lambda: clients.post(self.port, made))

    def delivered(self) -> Iterator[tuple[str, Cost]]:
        """Each batch is sealed and then sent; units are events of one sink."""
        waiting = self.waiting()
        yield SEAL, self.own(sum(waiting.values()), self.seal_all)
        for name, count in waiting.items():
            stage = DELIVER.get(name, f"deliver to {name}")
            yield stage, self.own(count, lambda name=name: deliver.drain(name, budget_seconds=600))  # type: ignore[misc]

    def waiting(self) -> dict[str, int]:
        """Of the log, by sink; one that is owed nothing cannot be measured."""
        found = {name: int(execute(WAITING, name)[0][0]) for name in growing.enabled()}
        return {name: count for name, count in found.items() if count}

    def seal_all(self) -> None:
        for name in growing.enabled():
            while seal.due(name, is_final=True):
                pass

    def counted(self) -> Iterator[tuple[str, Cost]]:
        new = int(execute(UNCOUNTED)[0][0])
        if new:
            yield COUNT, self.own(new, count_new)
        if self.number == 0:
            yield COUNT_PEOPLE, self.own(1, lambda: growing.count_people())

    def dropped(self) -> Cost:
        """The log's oldest day; the retention is a day shorter with each round."""
        settings.RAW_EVENT_RETENTION_DAYS = growing.DAYS - 2 - self.number
        before = len(execute(PARTITIONS))
        cost = self.own(1, lambda: retention.prune())
        assert len(execute(PARTITIONS)) == before - 1, "the day was not dropped"
        return cost

    def erased(self) -> Cost:
        """Somebody with the usual number of events, in every store; BigQuery has let go of them."""
        user = f"leaving_{self.size}_{self.number}"
        ingest.accept(self.visitors.bodies_of(user, PERSON_EVENTS))
        for name in growing.enabled():
            deliver.drain(name, budget_seconds=600, is_final=True)
        self.shop.later(OUT_OF_THE_BUFFER)
        request = requests.open_for(user, Actor.USER, timedelta(0))
        cost = self.own(1, lambda: until_certified(request))
        growing.count()  # the days that events were erased from
        return cost

    def own(self, count: int, work: Callable[[], object]) -> Cost:
        return self.worked.measured(count, work, is_own=True)


WAITING = """
    SELECT count(*) FROM capture_event AS event JOIN capture_sink AS sink ON sink.name = %s
    WHERE (event.xid, event.id) > (sink.cursor_xid, sink.cursor_id)
      AND event.received_at >= sink.cursor_received_at - interval '1 day'
"""
UNCOUNTED = """
    SELECT count(*) FROM capture_event JOIN capture_watermark ON name = 'volumes'
    WHERE capture_event.xid >= capture_watermark.xid AND received_at >= now() - interval '1 day'
"""
PARTITIONS = "SELECT inhrelid FROM pg_inherits WHERE inhparent = 'capture_event'::regclass"


def count_new() -> None:
    """What tasks do every minute."""
    capture.tasks.count_volumes()
    leafloaf.storefront.tasks.count_searches()
    personalization.tasks.count_aggregates()
    personalization.tasks.count_baskets()


def until_certified(request: DeletionRequest) -> None:
    for _ in range(TRIES):
        machine.advance_all(until_quiet=True)
        request.refresh_from_db()
        if request.state == DeletionRequest.State.CERTIFIED:
            return
    raise RuntimeError(f"the person was never erased: {request.state}")
