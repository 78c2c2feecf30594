"""The nightly fit of a million lines, what it leaves in a process, and reorders as they are served from it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import django
import numpy as np
import psycopg

from bench import stack
from bench.figures import Spread, Table, percentile
from bench.personalization import sets
from bench.stack import Stack
from leafloaf.stack.services import REPOSITORY
from personalization.prediction.histories import Histories, Numbers

LINES = 1_000_000
DAY = 86_400
WEEK = 7
"""Days from order to order: Ta-Feng has no dates."""
REGULARS, PRODUCTS, ORDERS = 100, 150, 60
"""People with so many products, and orders a week apart."""
ROUNDS, QUESTIONS = 3, 500
SHARES = (0.5, 0.95, 0.99)
RESIDENT = """
import json, os, time
import django; django.setup()
from django.db import connection
from personalization.learning import learned
connection.ensure_connection()
def resident(): return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
before, started = resident(), time.perf_counter()
learned.current()
print(json.dumps([time.perf_counter() - started, resident() - before]))
"""


def measure(data: Path) -> list[Table]:
    """On a stack of its own: Ta-Feng, and part of it again under other names up to a million lines."""
    whole = sets.read("tafeng", data)
    if whole is None:
        return []
    with stack.started() as running:
        os.environ |= running.environment | {"OPENBLAS_NUM_THREADS": "1"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "leafloaf.settings"
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        write(running, whole)
        fitted = fitting()
        regulars(running, whole.products)
        return [fitted, latencies(running)]


def write(running: Stack, whole: Histories) -> None:
    """The lines as they are remembered: each order at a second of its own, the last of all an hour ago."""
    now = int(datetime.now(UTC).timestamp())
    with psycopg.connect(running.database_url) as connection:
        left = LINES
        while left > 0:
            orders = whole.orders[whole.shopper]
            second = (
                now - 3600 - (int(whole.day.max()) - whole.day) * WEEK * DAY - 60 * (orders - whole.order)
            )
            some = whole.only(np.arange(len(whole.shopper)) < left)
            save(connection, some, second[: len(some.shopper)])
            left -= len(some.shopper)
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def save(connection: psycopg.Connection, lines: Histories, second: Numbers) -> list[UUID]:
    """Rows of people and of what they bought; the people."""
    shoppers, products = len(lines.shoppers), len(lines.products)
    people = [uuid4() for _ in range(shoppers)]
    key = lines.shopper * products + lines.product
    order = np.lexsort((second, key))
    bought = (3 << 56 | 100 << 32 | second[order]).astype(">i8")
    bounds = np.flatnonzero(np.r_[True, np.diff(key[order]) > 0, True])
    with connection.cursor() as cursor:
        with cursor.copy("COPY privacy_subject (id, user_id, generation, state) FROM STDIN") as copy:
            for who in people:
                copy.write_row((who, f"user-{who.hex[:12]}", 1, "active"))
        copying = "COPY personalization_producthistory (subject_id, product_id, marks, paid) FROM STDIN"
        with cursor.copy(copying) as copy:
            for begin, end in pairwise(bounds.tolist()):
                place, item = divmod(int(key[order[begin]]), products)
                copy.write_row((people[place], lines.products[item], bought[begin:end].tobytes(), b""))
        with cursor.copy("COPY personalization_profile (subject_id, version) FROM STDIN") as copy:
            for who in people:
                copy.write_row((who, 1))
    connection.commit()
    return people


def regulars(running: Stack, products: list[str]) -> None:
    """People with many products, each bought in a third of their orders, in a catalogue that has them all."""
    from leafloaf.catalog.models import Product

    Product.objects.bulk_create(Product(sku=sku, name=f"Product {sku}") for sku in products)
    dice = np.random.default_rng(7)
    rows = [
        (who, order, int(item))
        for who in range(REGULARS)
        for item in dice.choice(len(products), PRODUCTS, replace=False)
        for order in np.flatnonzero(dice.random(ORDERS) < dice.random() * 2 / 3).tolist() or [0]
    ]
    shopper, order, product = np.array(rows).T
    now = int(datetime.now(UTC).timestamp())
    lines = Histories([""] * REGULARS, products, shopper, order, product, order * 7, True)
    with psycopg.connect(running.database_url) as connection:
        save(connection, lines, now - 7 * DAY * (ORDERS - order))


def fitting() -> Table:
    from personalization.learning import shop_history
    from personalization.models import LearnedVersion

    started = time.perf_counter()
    lines = shop_history.everybody(1).histories
    read = time.perf_counter() - started
    command = [sys.executable, "manage.py", "fit_predictions"]
    print(
        subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout, flush=True
    )
    made = LearnedVersion.objects.get()
    seconds, megabytes = json.loads(
        subprocess.run(
            [sys.executable, "-c", RESIDENT], cwd=REPOSITORY, check=True, capture_output=True
        ).stdout
    )
    name = (
        f"{len(lines.shopper):,} lines of {len(lines.shoppers):,} shoppers, {len(lines.products):,} products"
    )
    table = Table("learning", (name, "figure"))
    table.rows += [
        ("read from Postgres, s", f"{read:.1f}"),
        ("the whole fit with its hold-out, on one core, s", f"{made.fit_seconds:.0f}"),
        ("peak memory of its process, MB", f"{made.peak_megabytes:,}"),
        ("stored, MB", f"{len(made.content) / 1e6:.1f}"),
        ("loaded by a process, s", f"{seconds:.2f}"),
        ("memory that a process keeps of it, MB", f"{megabytes:.0f}"),
    ]
    return table


def latencies(running: Stack) -> Table:
    from django.utils import timezone

    from personalization.learning import learned
    from personalization.recommending import reorders
    from personalization.signals import memory, people
    from privacy.models import Subject

    users = list(Subject.objects.order_by("-created_at").values_list("user_id", flat=True)[:REGULARS])
    remembered = {user: memory.read(people.known(user)) for user in users}
    assert all(len(one.products) == PRODUCTS for one in remembered.values())
    known = learned.current()
    shares = [f"p{share * 100:.0f}, ms" for share in SHARES]
    table = Table("reorder latency", (f"one client, {PRODUCTS} products a person", *shares))
    acts: dict[str, Callable[[str], object]] = {
        "counters of one person from what is remembered": lambda user: known.shop_of(remembered[user]),
        "reorders from what is remembered": lambda user: reorders.of_memory(
            remembered[user], timezone.now(), 20
        ),
        "the same, read from Postgres": lambda user: reorders.due(people.known(user), timezone.now()),
    }
    for name, act in acts.items():
        table.rows.append(measured(name, users, act))
    for ask in over_http(running):
        table.rows.append(measured("`GET /api/v1/reorder`, over HTTP", users, ask))
    table.notes.append(f"{QUESTIONS:,} questions a round; median, smallest and largest of {ROUNDS} rounds.")
    return table


def measured(name: str, users: list[str], act: Callable[[str], object]) -> tuple[str, ...]:
    rounds = []
    for _ in range(ROUNDS + 1):
        times = []
        for number in range(QUESTIONS):
            started = time.perf_counter()
            act(users[number % len(users)])
            times.append(1000 * (time.perf_counter() - started))
        rounds.append(times)
    return name, *(Spread([percentile(times, share) for times in rounds[1:]]).text(2) for share in SHARES)


def over_http(running: Stack) -> Iterator[Callable[[str], object]]:
    from leafloaf.access import keys
    from leafloaf.access.models import ApiClient

    headers = {
        "Authorization": f"Bearer {keys.create('Bench', ApiClient.Kind.SECRET)}",
        "X-Forwarded-Proto": "https",
    }
    process, port = running.granian("web", workers=1, threads=4, settings="leafloaf.settings")
    connection = HTTPConnection("127.0.0.1", port)

    def ask(user: str) -> None:
        connection.request("GET", "/api/v1/reorder", headers={**headers, "X-User-Id": user})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body

    yield ask
    connection.close()
    running.stop(process)
