"""How long what is personal takes, in process and over HTTP, with Redis and without, among few shoppers and many."""

import io
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count

import django
import psycopg

from bench import stack
from bench.figures import Table, percentile
from bench.personalization import crowd
from bench.stack import Stack

SIZES = (10, 1_000, 100_000)
QUESTIONS, WARM_UP = 150, 15
SHARES = (0.5, 0.95, 0.99)
LINES = 12
WITH, WITHOUT = "on", "off"
numbers = count()

Act = Callable[[str], object]
"""What is timed, for one user."""


def measure() -> list[Table]:
    """On a stack of its own."""
    with stack.started() as running:
        os.environ |= running.environment | environment(running, WITH) | {"OPENBLAS_NUM_THREADS": "1"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "leafloaf.settings"
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        file = crowd.catalogue(running.folder / "catalogue.csv")
        call_command("load_catalogue", str(file), stdout=io.StringIO())
        return tables(running)


def environment(running: Stack, redis: str) -> dict[str, str]:
    url = running.redis.service.environment()["REDIS_URL"]
    on = {"REDIS_ENABLED": "true", "REDIS_URL": url} if redis == WITH else {"REDIS_ENABLED": "false"}
    return {**on, "SEMANTIC_ENABLED": "false"}


def tables(running: Stack) -> list[Table]:
    from personalization.learning import fitting

    heads = [f"{size:,} shoppers, p{share * 100:.0f}" for size in SIZES for share in SHARES]
    made = Table("personalization latency", ["ms, one client", "Redis", *heads])
    space = Table("personalization bytes", ["shoppers", "products each", "rows", "bytes a shopper", "MB"])
    cells: dict[tuple[str, str], list[str]] = {}
    crowd.load(running.database_url, crowd.REGULARS)
    space.rows.append(sizes(running, crowd.REGULARS))
    fitting.fit()
    forgotten: list[Sequence[str]] = []
    for size in SIZES:
        users = crowd.load(running.database_url, size)
        space.rows.append(sizes(running, size))
        for redis in (WITHOUT, WITH):
            for name, times in timed(running, redis, users):
                cells.setdefault((name, redis), []).extend(
                    f"{percentile(times, share):.1f}" for share in SHARES
                )
        print(f"{size:,} shoppers are measured.", flush=True)
    forgotten = forgetting(running)
    made.rows += [[*key, *row] for key, row in cells.items()]
    made.notes.append(
        f"{QUESTIONS} times each, by turns for up to {crowd.REGULARS:,} people with {crowd.REGULAR} products."
    )
    return [made, space, Table("forgetting", ["a night among all of them", "people", "s"], forgotten)]


def timed(running: Stack, redis: str, users: Sequence[str]) -> Iterator[tuple[str, list[float]]]:
    with in_process(redis):
        for name, act in own_acts():
            yield name, times(act, users)
    with web(running, redis) as asking:
        for name, act in asking.acts():
            yield name, times(act, users)


def times(act: Act, users: Sequence[str]) -> list[float]:
    """Milliseconds of each."""
    found = []
    for place in range(WARM_UP + QUESTIONS):
        user = users[place * 7 % len(users)]
        started = time.perf_counter()
        act(user)
        found.append(1000 * (time.perf_counter() - started))
    return found[WARM_UP:]


@contextmanager
def in_process(redis: str) -> Iterator[None]:
    from django.conf import settings
    from django_redis import get_redis_connection

    sink = settings.SINKS["redis"]
    get_redis_connection("default").flushdb()
    settings.REDIS_ENABLED = sink["ENABLED"] = redis == WITH
    try:
        yield
    finally:
        settings.REDIS_ENABLED = sink["ENABLED"] = True


def own_acts() -> Iterator[tuple[str, Act]]:
    from django.utils import timezone

    from capture import ingest
    from leafloaf.catalog import search
    from personalization import person_graph, profiles
    from personalization.recommending import personal_order, recommend, reorders
    from personalization.signals import memory, people

    hits = search.search("", limit=60).results

    def store(event: Callable[[str], dict[str, object]]) -> Act:
        def act(user: str) -> None:
            receipt = ingest.accept([json.dumps(event(user)).encode()])
            assert receipt.accepted, receipt

        return act

    def reranked(user: str) -> object:
        held = memory.read(people.known(user))
        return personal_order.ordered(hits, held, timezone.now(), 20)

    yield "store one view", store(view)
    yield f"store an order of {LINES} products", store(order)
    yield "read the memory, re-rank 60 results", reranked
    yield "profile", lambda user: profiles.of(people.known(user), timezone.now())
    yield "recommend 20", lambda user: recommend.for_person(people.known(user), timezone.now(), 20)
    yield "reorder 20", lambda user: reorders.due(people.known(user), timezone.now(), 20)
    yield "graph", lambda user: person_graph.of(people.known(user), timezone.now())


def view(user: str) -> dict[str, object]:
    product = crowd.sku(next(numbers) % crowd.PRODUCTS)
    return {
        "event_type": "interaction",
        "interaction_type": "product_view",
        "product_id": product,
        "user_id": user,
    }


def order(user: str, first: str = "") -> dict[str, object]:
    start = next(numbers) * 13
    skus = [crowd.sku((start + number * 17) % crowd.PRODUCTS) for number in range(LINES)]
    items = [{"product_id": one, "quantity": 1, "price": 2.5} for one in ([first] if first else skus)]
    return {
        "event_type": "order",
        "order_id": f"o{start}",
        "items": items,
        "total_value": None,
        "user_id": user,
    }


@dataclass
class Asking:
    """A web server, one connection to it."""

    port: int
    key: str
    connection: HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.port)

    def ask(self, method: str, path: str, user: str = "", body: object = None) -> bytes:
        headers = {
            "Authorization": f"Bearer {self.key}",
            "X-Forwarded-Proto": "https",
            "Content-Type": "application/json",
        } | ({"X-User-Id": user} if user else {})
        self.connection.request(method, path, body and json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status in (200, 202), text
        return text

    def acts(self) -> Iterator[tuple[str, Act]]:
        yield "`POST /events`, then `GET /profile` with it", self.visible
        yield "`GET /profile`", lambda user: self.ask("GET", "/api/v1/profile", user)
        yield "`GET /graph`", lambda user: self.ask("GET", "/api/v1/graph", user)
        yield "`GET /recommendations`", lambda user: self.ask("GET", "/api/v1/recommendations", user)
        yield "`GET /reorder`", lambda user: self.ask("GET", "/api/v1/reorder", user)
        yield "`POST /search`, nobody", lambda user: self.search("")
        yield "`POST /search`, for a person", self.search

    def visible(self, user: str) -> None:
        """A purchase of something new, which sorts before all else that scores 1."""
        sku = f"new{next(numbers):07}"
        receipt = self.ask("POST", "/api/v1/events", body=order(user, sku))
        profile = self.ask("GET", "/api/v1/profile", user)
        assert sku.encode() in profile, (receipt, profile)

    def search(self, user: str) -> bytes:
        """Each query is asked once a round: no page of another is served again."""
        number = next(numbers) * 101 % crowd.PRODUCTS
        query = f"{crowd.word(number % crowd.ADJECTIVES)} {crowd.word(100 + number // crowd.ADJECTIVES)}"
        body = {"query": query, "limit": 20, "recommendations": False}
        return self.ask("POST", "/api/v1/search", user, body)


@contextmanager
def web(running: Stack, redis: str) -> Iterator[Asking]:
    """Workers and threads as shipped."""
    from leafloaf.access import keys
    from leafloaf.access.models import ApiClient

    key = keys.create(f"Bench {next(numbers)}", ApiClient.Kind.SECRET)
    process, port = running.granian(
        "web", workers=2, threads=4, settings="leafloaf.settings", environment=environment(running, redis)
    )
    asking = Asking(port, key)
    try:
        yield asking
    finally:
        asking.connection.close()
        running.stop(process)


def sizes(running: Stack, shoppers: int) -> Sequence[str]:
    with psycopg.connect(running.database_url) as connection:
        total = sum(
            one[0]
            for name in crowd.TABLES
            for one in connection.execute("SELECT pg_total_relation_size(%s::text::regclass)", [name])
        )
        [rows] = connection.execute("SELECT count(*) FROM personalization_producthistory").fetchone() or (0,)
    each = f"{crowd.REGULAR}" if shoppers <= crowd.REGULARS else f"{crowd.OTHER}, {crowd.REGULAR} for a few"
    return [f"{shoppers:,}", each, f"{rows:,}", f"{total / shoppers:,.0f}", f"{total / 1e6:,.1f}"]


def forgetting(running: Stack) -> list[Sequence[str]]:
    """With nothing old, with the views of all grown old in a tenth of the people, and again."""
    from personalization.signals import forgetting as own

    found = []
    for name, statement in (
        ("nothing is old", "SELECT 1"),
        ("a tenth of the people want a week only", WEEK),
        ("again", "SELECT 1"),
    ):
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            connection.execute(statement)
            connection.execute("ANALYZE")  # autovacuum would, within a minute
        started = time.perf_counter()
        people = own.forget_old()
        found.append([name, f"{people:,}", f"{time.perf_counter() - started:.1f}"])
    return found


WEEK = """
INSERT INTO privacy_privacysettings (subject_id, data_retention_days, updated_at)
SELECT id, 7, now() FROM privacy_subject WHERE user_id LIKE '%5'
ON CONFLICT DO NOTHING
"""
