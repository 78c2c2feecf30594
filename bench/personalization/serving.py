"""Complements as they are served: how long a log takes to count, and how long the answers take."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import quote

import django
import msgspec
import numpy as np
import psycopg

from bench import stack
from bench.figures import Spread, Table, percentile
from bench.stack import Stack

PRODUCTS = 10_000
SHOPPERS = 20_000
BASKETS = 100_000
LINES = 10
"""In a basket, on average."""
THEMES = 200
QUESTIONS = 1000
ROUNDS = 3
SHARES = (0.5, 0.95, 0.99)
COPY = (
    "COPY capture_event (event_id, event_type, subject_id, session_id, occurred_at, received_at, payload, "
    "schema_version) FROM STDIN"
)


def measure() -> list[Table]:
    """On a stack of its own, with made-up orders: popular and rare products, half of a basket of one theme."""
    with stack.started() as running:
        os.environ |= running.environment
        os.environ["DJANGO_SETTINGS_MODULE"] = "leafloaf.settings"
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        shop = Shop()
        shop.sell()
        lines = sum(map(len, shop.baskets))
        write(running, shop.baskets)
        return [counting(running, shop, lines), latencies(running, shop)]


class Shop:
    """Its baskets, and which products are asked for: the more often they are bought, the more often."""

    def __init__(self) -> None:
        self.dice = np.random.default_rng(7)
        weight = 1 / (np.arange(PRODUCTS) + 10) ** 0.9
        self.shares = weight / weight.sum()
        self.baskets = [self.basket(size) for size in self.dice.poisson(LINES - 1, BASKETS) + 1]

    def basket(self, size: int) -> list[str]:
        theme = self.dice.integers(THEMES) + THEMES * self.dice.integers(0, PRODUCTS // THEMES, size)
        some = self.dice.choice(PRODUCTS, size, p=self.shares)
        chosen = np.where(self.dice.random(size) < 0.5, theme, some)
        return [f"sku{number:05}" for number in dict.fromkeys(chosen.tolist())]

    def asked(self, count: int, at_once: int) -> list[list[str]]:
        drawn = self.dice.choice(PRODUCTS, (count, at_once), p=self.shares)
        return [[f"sku{number:05}" for number in row] for row in drawn]

    def sell(self) -> None:
        from leafloaf.catalog.models import Category, Product

        categories = [Category.objects.create(name=f"Category {number}") for number in range(THEMES)]
        Product.objects.bulk_create(
            Product(sku=f"sku{number:05}", name=f"Product {number}", category=categories[number % THEMES])
            for number in range(PRODUCTS)
        )


def write(running: Stack, baskets: Sequence[Sequence[str]], name: str = "o") -> None:
    """Into the log, a hundred orders a transaction."""
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        for begin in range(0, len(baskets), 100):
            with connection.cursor().copy(COPY) as copy:
                for number, basket in enumerate(baskets[begin : begin + 100], begin):
                    copy.write_row(row(f"{name}{number}", number % SHOPPERS, basket))
        connection.execute("ANALYZE")


def row(event_id: str, shopper: int, basket: Sequence[str]) -> tuple[object, ...]:
    items = [{"product_id": sku, "quantity": 1, "price": 2} for sku in basket]
    payload = msgspec.json.encode({"order_id": event_id, "items": items, "total_value": 2 * len(items)})
    now = datetime.now(UTC)
    return event_id, "order", None, f"session {shopper}", now, now, payload.decode(), 1


def counting(running: Stack, shop: Shop, lines: int) -> Table:
    from personalization.companions import basket_counts, meal_groups

    table = Table("complements counting", (f"{lines:,} order lines, {PRODUCTS:,} products", "seconds"))
    table.rows.append(("count all, list the companions", f"{timed(lambda: basket_counts.run(10**6)):.1f}"))
    write(running, shop.baskets[:500], "again")
    table.rows.append(("500 new orders, until they are served", f"{timed(basket_counts.run):.2f}"))
    table.rows.append(("nothing new", f"{timed(basket_counts.run):.3f}"))
    table.rows.append(("meals", f"{timed(meal_groups.group):.1f}"))
    basket_counts.mark_dirty()
    again = timed(lambda: basket_counts.run(10**6))
    table.rows.append(("rebuild beside the table that serves, and forget that", f"{again:.1f}"))
    table.notes.append(sizes())
    return table


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def sizes() -> str:
    from leafloaf.lib import statements
    from personalization.models import ItemPair, Meal

    names = ["itempair", "itemcompanions", "basketitem"]
    query = "SELECT pg_total_relation_size(('personalization_' || %s::text)::regclass)"
    total = sum(statements.fetch(query, [name])[0][0] for name in names)
    pairs, meals = ItemPair.objects.count(), Meal.objects.count()
    return f"{pairs:,} pairs and their lists take {total / 1e6:.0f} MB; {meals:,} meals."


def latencies(running: Stack, shop: Shop) -> Table:
    from personalization.companions import baskets, meal_groups

    shares = [f"p{share * 100:.0f}, ms" for share in SHARES]
    table = Table("complements latency", ("20 complements, one client", *shares))
    one, ten = shop.asked(QUESTIONS, 1), shop.asked(QUESTIONS, 10)
    table.rows.append(measured("of one product, in process", one, baskets.complements_of))
    table.rows.append(measured("of ten products, in process", ten, baskets.complements_of))
    table.rows.append(measured("meals with one", one, lambda skus: meal_groups.meals_with(skus[0])))
    for ask in over_http(running):
        table.rows.append(measured("`GET …/complements`, over HTTP", one, ask))
    table.notes.append(
        f"{QUESTIONS:,} questions a round, by popularity; median, smallest and largest of {ROUNDS} rounds."
    )
    return table


def measured(name: str, asked: Sequence[list[str]], answer: Callable[[list[str]], object]) -> tuple[str, ...]:
    rounds = []
    for turn in range(ROUNDS + 1):
        times = [1000 * timed(lambda one=one: answer(one)) for one in asked]  # type: ignore[misc]
        if turn:
            rounds.append(times)
    return name, *(Spread([percentile(times, share) for times in rounds]).text(1) for share in SHARES)


def over_http(running: Stack) -> Iterator[Callable[[list[str]], object]]:
    from leafloaf.access import keys
    from leafloaf.access.models import ApiClient

    headers = {
        "Authorization": f"Bearer {keys.create('Bench', ApiClient.Kind.SECRET)}",
        "X-Forwarded-Proto": "https",
    }
    process, port = running.granian("web", workers=1, threads=4, settings="leafloaf.settings")
    connection = HTTPConnection("127.0.0.1", port)

    def ask(skus: list[str]) -> None:
        connection.request("GET", f"/api/v1/products/{quote(skus[0])}/complements", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body

    yield ask
    connection.close()
    running.stop(process)
