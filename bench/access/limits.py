"""A search and an event with limits and without, counted in Postgres and in Redis, by one hot key."""

import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from uuid import uuid4

from django.core.management import call_command

from bench import document
from bench.access import SETTINGS
from bench.capture import clients
from bench.figures import Spread, Table, number, percentile
from bench.stack import Stack
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.catalog.models import Product
from leafloaf.stack.process import Process
from leafloaf.storefront.management.commands.load_demo import CATALOGUE

TURN = 50
CROWDS = (1, 8)
MANY = "address=60000000/min, user=60000000/min, key=60000000/min"
SCOPES = ("SEARCH", "EVENTS", "FAILURES")
STORES = {"Postgres": False, "Redis": True}
KINDS = {"search": 200, "event": 202}


@dataclass(frozen=True)
class Figures:
    """Milliseconds of each request, and how long they took together."""

    milliseconds: list[float]
    seconds: float


def measure(stack: Stack, requests: int, runs: int) -> Table:
    call_command("migrate", verbosity=0)
    call_command("load_catalogue", str(CATALOGUE), stdout=io.StringIO())
    key = keys.create("Bench limits", ApiClient.Kind.PUBLISHABLE)
    made = Table(
        "limits",
        [
            "",
            "p50 without, ms",
            "p50 with",
            "p99 without",
            "p99 with",
            "requests/s without",
            "requests/s with",
        ],
    )
    for store, is_redis in STORES.items():
        servers = [server(stack, is_redis, is_limited) for is_limited in (False, True)]
        for kind in KINDS:
            for crowd in CROWDS:
                found = measured([port for _, port in servers], kind, crowd, key, requests, runs)
                made.rows.append([f"{kind}, {store}, {crowd} at once", *cells(found)])
        stack.stop(*[process for process, _ in servers])
    print(f"\n{made.name}\n{document.rendered(made)}\n", flush=True)
    return made


def server(stack: Stack, is_redis: bool, is_limited: bool) -> tuple[Process, int]:
    limits = {f"THROTTLE_{scope}": MANY if is_limited else "off" for scope in SCOPES}
    limits["THROTTLE_FAILURES"] = "address=300/min" if is_limited else "off"
    redis = {"REDIS_ENABLED": "true", "REDIS_URL": stack.redis.service.environment()["REDIS_URL"]}
    environment = limits | (redis if is_redis else {})
    name = f"limits-{is_redis}-{is_limited}"
    return stack.granian(name, workers=2, threads=4, settings=SETTINGS, environment=environment)


def measured(
    ports: list[int], kind: str, crowd: int, key: str, requests: int, runs: int
) -> list[list[Figures]]:
    """Of each port, each round's."""
    source = bodies(kind, key)
    found: list[list[Figures]] = [[] for _ in ports]
    for port in ports:
        turn(port, crowd, [next(source) for _ in range(TURN * 2)], kind)
    for _ in range(runs):
        rounds = [Figures([], 0.0) for _ in ports]
        for _ in range(max(1, requests * crowd // 4 // TURN) if crowd > 1 else requests // TURN):
            for place, port in enumerate(ports):
                one = turn(port, crowd, [next(source) for _ in range(TURN)], kind)
                rounds[place] = Figures(
                    rounds[place].milliseconds + one.milliseconds, rounds[place].seconds + one.seconds
                )
        for place, figures in enumerate(rounds):
            found[place].append(figures)
    return found


def turn(port: int, crowd: int, requests: list[bytes], kind: str) -> Figures:
    connections = [clients.Client(port, f"HTTP/1.1 {KINDS[kind]}".encode()) for _ in range(crowd)]
    milliseconds: list[float] = []

    def work(place: int) -> None:
        for request in requests[place::crowd]:
            milliseconds.append(connections[place].send(request) * 1000)

    started = time.perf_counter()
    clients.together(work, crowd)
    seconds = time.perf_counter() - started
    for connection in connections:
        connection.close()
    return Figures(milliseconds, seconds)


def bodies(kind: str, key: str) -> Iterator[bytes]:
    names = list(Product.objects.order_by("sku").values_list("name", flat=True))
    for place in count():
        words = " ".join(names[place % len(names)].split()[:2])
        if kind == "search":
            yield clients.request("/api/v1/search", json.dumps({"query": words}).encode(), key)
        else:
            event = {"event_type": "search", "event_id": str(uuid4()), "query": words, "session_id": "bench"}
            yield clients.request("/api/v1/events", json.dumps(event).encode(), key)


def cells(found: list[list[Figures]]) -> list[str]:
    return [
        *(
            Spread([percentile(one.milliseconds, share) for one in rounds]).text()
            for share in (0.5, 0.99)
            for rounds in found
        ),
        *(number(Spread([len(one.milliseconds) / one.seconds for one in rounds]).median) for rounds in found),
    ]
