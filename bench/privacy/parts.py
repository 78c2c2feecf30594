"""What is measured of erasure, each as a table of `docs/benchmarks.md`."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bench.capture import clients, samples
from bench.capture.measuring import execute
from bench.figures import Spread, Table, number, percentile, ratios
from bench.privacy import crowd, erasing
from bench.privacy.shop import Caller, Shop
from privacy import exporting
from privacy.erasure import machine, requests
from privacy.models import Actor, DataExport, DeletionRequest, DeletionStep

OUT_OF_THE_BUFFER = 2 * 3600.0
"""Seconds after which BigQuery lets go of every row; BigQuery's own words say 90 minutes."""
BUFFER_SECONDS = 31 * 60.0
FRESH_PEOPLE, EXPORTED_PEOPLE = 5, 10
ROUNDS = 3
SECONDS = 6.0
REQUEST_EVENTS = 100
SHARES = ("p50", "p95", "smallest", "largest")
STORES = {
    "postgres": "Postgres",
    "redis": "Redis",
    "cloud_storage": "Cloud Storage",
    "bigquery": "BigQuery",
}
UNDELIVERED = """
    SELECT EXISTS (SELECT FROM capture_outboxbatch WHERE sink = 'bigquery' AND state <> 'delivered')
        OR EXISTS (SELECT FROM capture_event, capture_sink
                   WHERE name = 'bigquery' AND (xid, id) > (cursor_xid, cursor_id))
"""
HELD = {
    "events in the log": "SELECT count(*) FROM capture_event",
    "people": "SELECT count(*) FROM privacy_subject",
    "objects in Cloud Storage": "SELECT count(*) FROM capture_outboxbatch WHERE sink = 'cloud_storage'",
    "events delivered to Redis": "SELECT delivered FROM capture_sink WHERE name = 'redis'",
    "to Cloud Storage": "SELECT delivered FROM capture_sink WHERE name = 'cloud_storage'",
    "to BigQuery": "SELECT delivered FROM capture_sink WHERE name = 'bigquery'",
}


def spread(values: Sequence[float], digits: int = 2) -> list[str]:
    found = [percentile(values, 0.5), percentile(values, 0.95), min(values), max(values)]
    return [number(value, digits) for value in found]


def stock(events: int) -> Table:
    """What the log and the stores hold when it begins, as the log's books say."""
    made = Table("erasure stock", list(HELD))
    made.rows.append([f"{execute(query)[0][0]:,}" for query in HELD.values()])
    [(logged, _, _, redis, storage, _)] = made.rows
    assert {logged, redis, storage} == {f"{events:,}"}, made.rows
    return made


def one_by_one(shop: Shop, caller: Caller, count: int) -> list[Table]:
    """Out of serving, then verified: for one person after another."""
    asked = [erasing.ask(caller, user) for user in erasing.people(count)]
    past_the_buffer(shop)
    for one in asked:
        erasing.expedite(caller, one)
        erasing.wait([one])
    return [serving(asked), stores("erasure one", asked)]


def past_the_buffer(shop: Shop) -> None:
    """What these people searched for a moment ago is delivered; BigQuery says that it is hours since."""
    while execute(UNDELIVERED)[0][0]:
        time.sleep(erasing.LOOK_SECONDS)
    shop.later(OUT_OF_THE_BUFFER)


def serving(asked: Sequence[erasing.Asked]) -> Table:
    made = Table("erasure serving", ["ms from the POST", *SHARES])
    made.rows.append(["to its answer: fenced", *spread([1000 * one.fenced for one in asked], 1)])
    forgotten = [1000 * one.forgotten for one in asked]
    made.rows.append(["until a recommendation and a search did not know the person", *spread(forgotten, 1)])
    late = sum(one.known_afterwards for one in asked)
    made.notes.append(
        f"{len(asked)} people, one after another. Answers after the POST's that still knew somebody: {late}."
    )
    return made


def stores(name: str, asked: Sequence[erasing.Asked]) -> Table:
    """Seconds from the expedite, store by store."""
    made = Table(name, ["s from the expedite", *SHARES])
    for store, title in STORES.items():
        for end in ("purged", "absent"):
            values = [one.ends[f"{store} {end}"] for one in asked]
            made.rows.append(
                [f"{title}: {'emptied' if end == 'purged' else 'read again and empty'}", *spread(values)]
            )
    three = [max(one.ends[f"{store} absent"] for store in list(STORES)[:3]) for one in asked]
    made.rows.append(["Postgres, Redis and Cloud Storage: all read again and empty", *spread(three)])
    made.rows.append(["certified", *spread([one.ends["certified"] for one in asked])])
    held = erasing.rows(asked)
    told = {"events": "events", "cloud_storage": "lines", "redis": "entries in Redis"}
    sizes = ", ".join(f"{Spread(held[key]).text(0)} {what}" for key, what in told.items())
    made.notes.append(f"{len(asked)} people; each had {sizes} (median, smallest and largest).")
    print_holders(asked)
    return made


def print_holders(asked: Sequence[erasing.Asked]) -> None:
    """By holder, for who looks for what is slow."""
    names = sorted({name for one in asked for name in one.ends})
    for name in names:
        values = [one.ends[name] for one in asked]
        print(f"    {name}: {' '.join(spread(values))}", flush=True)


def at_once(shop: Shop, caller: Caller, count: int) -> Table:
    """All of them asked for in one go."""
    asked = [erasing.ask(caller, user) for user in erasing.people(count, seed=2)]
    past_the_buffer(shop)
    for one in asked:
        erasing.expedite(caller, one)
    erasing.wait(asked)
    return stores("erasure many", asked)


def bigquery(shop: Shop) -> Table:
    """People whose rows were all streamed a moment ago: what can be done is done, and the rest waits."""
    first, waits, rest = [], [], []
    for user in erasing.people(FRESH_PEOPLE, seed=3):
        request = requests.open_for(user, Actor.USER, timedelta(0))
        first.append(work(request, until_settling))
        left = buffered(request).available_at - datetime.now(UTC)
        waits.append(left.total_seconds())
    shop.later(BUFFER_SECONDS)
    waiting = DeletionRequest.objects.filter(state=DeletionRequest.State.SETTLING)
    for request in waiting.order_by("created_at"):
        requests.retry(buffered(request).pk, "bench")
        rest.append(work(request, until_certified))
    made = Table("erasure bigquery", ["BigQuery, all rows in the streaming buffer", *SHARES])
    made.rows.append(["work until it can only wait, all stores, s", *spread(first)])
    made.rows.append(["to wait for the streaming buffer, minutes", *spread([wait / 60 for wait in waits], 1)])
    made.rows.append(["work afterwards, to the certificate, s", *spread(rest)])
    shares = [
        100 * wait / (wait + begun + ended) for begun, wait, ended in zip(first, waits, rest, strict=True)
    ]
    made.rows.append(["of the time, waiting, %", *spread(shares, 1)])
    made.notes.append(
        f"{FRESH_PEOPLE} people, one after another, by `machine.advance_all`; then the stand-in's clock was put "
        f"{BUFFER_SECONDS / 60:.0f} minutes ahead."
    )
    return made


def buffered(request: DeletionRequest) -> DeletionStep:
    return DeletionStep.objects.get(request=request, holder="bigquery")


def until_settling(request: DeletionRequest) -> bool:
    others = request.steps.exclude(holder__in=["bigquery", erasing.LAST])
    is_waiting = buffered(request).state == DeletionStep.State.SETTLING
    return is_waiting and not others.exclude(state=DeletionStep.State.ABSENT).exists()


def until_certified(request: DeletionRequest) -> bool:
    request.refresh_from_db()
    return request.state == DeletionRequest.State.CERTIFIED


def work(request: DeletionRequest, is_done: Callable[[DeletionRequest], bool]) -> float:
    """Seconds of work until that is so; what others have to be waited for is left out."""
    worked = 0.0
    deadline = time.monotonic() + erasing.PATIENCE_SECONDS
    while True:
        started = time.perf_counter()
        machine.advance_all(until_quiet=True)
        worked += time.perf_counter() - started
        if request.steps.exists() and is_done(request):
            return worked
        if time.monotonic() > deadline:
            raise erasing.NeverErased(list(erasing.told([request.pk])))
        time.sleep(erasing.LOOK_SECONDS)


def exports(caller: Caller) -> Table:
    """All that is held on a person, as a zip."""
    made = Table("erasure exports", ["export of a person", *SHARES])
    seconds, sizes, asked = [], [], []
    for user in erasing.people(EXPORTED_PEOPLE, seed=4):
        started = time.perf_counter()
        export = caller.ask("POST", "privacy/exports", user, {})
        asked.append(1000 * (time.perf_counter() - started))
        assert exporting.make_due() == 1
        seconds.append(time.perf_counter() - started)
        sizes.append((DataExport.objects.get(pk=export["id"]).size or 0) / 1000)
    made.rows.append(["the POST, ms", *spread(asked, 1)])
    made.rows.append(["asked to ready, s", *spread(seconds)])
    made.rows.append(["size, kB", *spread(sizes, 1)])
    made.notes.append(f"{EXPORTED_PEOPLE} people, one after another, made by `make_exports`.")
    return made


def ingest(shop: Shop, caller: Caller, count: int) -> Table:
    """Events a second while nobody is erased, and while some are, in turns."""
    rates: Mapping[str, list[float]] = {"nobody is erased": [], f"{count} people are being erased": []}
    quiet, busy = rates.values()
    sender = Sender(caller)
    for turn in range(ROUNDS):
        asked = [erasing.ask(caller, user) for user in erasing.people(count, seed=10 + turn)]
        past_the_buffer(shop)
        quiet.append(sender.rate())
        for one in asked:
            erasing.expedite(caller, one)
        busy.append(sender.rate())
        erasing.wait(asked)
    made = Table("erasure ingest", ["ingest meanwhile", "events/s", "ratio"])
    for name, found in rates.items():
        made.rows.append([name, Spread(found).text(0), ratios(found, quiet).text()])
    made.notes.append(
        f"{clients.CLIENTS} clients, {REQUEST_EVENTS} events a request, {SECONDS:.0f} s a turn, {ROUNDS} turns each; "
        "the worker delivers meanwhile."
    )
    return made


class Sender:
    """Clients that send what the crowd does now, for a few seconds."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.people = crowd.Crowd(10_000, seed=99)
        self.people.users = [f"new_{user}" for user in self.people.users]

    def rate(self) -> float:
        batches = [
            clients.request("/api/v1/events", samples.enveloped(self.batch()), self.caller.key)
            for _ in range(round(SECONDS * 150))
        ]
        waiting, sent = iter(batches), [0] * clients.CLIENTS
        ending = time.perf_counter() + SECONDS

        def work(place: int) -> None:
            client = clients.Client(self.caller.port, b"HTTP/1.1 202")
            for request in waiting:
                client.send(request)
                sent[place] += REQUEST_EVENTS
                if time.perf_counter() > ending:
                    break
            client.close()

        seconds = clients.together(work)
        return sum(sent) / seconds

    def batch(self) -> list[dict[str, object]]:
        return self.people.batch(datetime.now(UTC), REQUEST_EVENTS)
