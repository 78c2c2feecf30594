"""What recording a search adds to answering it: the same searches to two servers, in turns."""

import io
import json

from django.core.management import call_command

from bench.capture import Sizes, clients
from bench.figures import Spread, Table, percentile, ratios
from bench.stack import Stack
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.catalog.models import Product
from leafloaf.storefront.management.commands.load_demo import CATALOGUE

TURN = 25
"""Searches in a row before it is the other server's turn: short, so that noise hits both."""

WITH, WITHOUT = "with capture", "without"


def measure(stack: Stack, sizes: Sizes) -> list[Table]:
    call_command("load_catalogue", str(CATALOGUE), stdout=io.StringIO())
    requests = searches(keys.create("Bench search", ApiClient.Kind.SECRET), max(100, sizes.events // 20))
    captured, captured_port = stack.granian("captured", workers=2, threads=4)
    plain, plain_port = stack.granian(
        "uncaptured", workers=2, threads=4, wsgi="bench.capture.uncaptured:application"
    )
    ports = {WITHOUT: plain_port, WITH: captured_port}
    for port in ports.values():
        latencies(port, requests[:50])
    rounds = [one_round(ports, requests) for _ in range(sizes.runs)]
    stack.stop(captured, plain)
    return [table(rounds)]


def searches(key: str, count: int) -> list[bytes]:
    """The catalogue's own words, each by a user and a session."""
    names = list(Product.objects.order_by("sku").values_list("name", flat=True))
    bodies = [
        {"query": " ".join(names[place % len(names)].split()[:2]), "user_id": f"user_{place % 500}"}
        for place in range(count)
    ]
    return [clients.request("/api/v1/search", json.dumps(body).encode(), key) for body in bodies]


def one_round(ports: dict[str, int], requests: list[bytes]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in ports}
    for start in range(0, len(requests), TURN):
        for name, port in ports.items():
            found[name] += latencies(port, requests[start : start + TURN])
    return found


def latencies(port: int, requests: list[bytes]) -> list[float]:
    """Milliseconds of each, one after the other."""
    client = clients.Client(port, b"HTTP/1.1 200")
    try:
        return [client.send(request) * 1000 for request in requests]
    finally:
        client.close()


def table(rounds: list[dict[str, list[float]]]) -> Table:
    made = Table("search", ["`POST /search`, one client", "p50, ms", "p99, ms"])
    shares = (0.5, 0.99)
    for name in (WITHOUT, WITH):
        cells = [Spread([percentile(found[name], share) for found in rounds]).text() for share in shares]
        made.rows.append([name, *cells])
    both = [
        ratios(
            [percentile(found[WITH], share) for found in rounds],
            [percentile(found[WITHOUT], share) for found in rounds],
        ).text()
        for share in shares
    ]
    made.rows.append(["ratio (target for p99: 1.05 or less)", *both])
    return made
