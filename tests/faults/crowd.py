"""A crowd whose visits share every batch, as a program: it fills the log and the stores, or goes on meanwhile.

python -m tests.faults.crowd fill <lines> <people>   and delivers them, with several processes
python -m tests.faults.crowd go-on <people>          sends and delivers until SIGTERM
"""

import multiprocessing
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import count, islice
from typing import Any
from uuid import uuid4

import django
import msgspec

WRITERS = 2
SINKS = ("redis", "bigquery", "cloud_storage")
BATCH = 500
SMALL_BATCH = 40
PAUSE_SECONDS = 0.5
WORDS = ("oat milk", "Oat  Milk", "jane.doe@shop.example", "lait d'avoine é", "x" * 200)


def user(number: int) -> str:
    return f"person-{number}"


def visit(number: int, part: int) -> str:
    """A visit of this person and of nobody else."""
    return f"visit-{number}-{part}"


def family(number: int) -> str:
    """A visit on a device that two people share, an even one and the odd one after."""
    return f"family-{number // 2}"


def events(people: int, name: str) -> Iterator[Mapping[str, Any]]:
    """For ever: of people who are signed in, who are not yet, who share a device, and of nobody."""
    dice = random.Random(name)  # noqa: S311 (not a secret)
    for place in count():
        number = dice.randrange(people)
        whose: dict[str, Any] = {"user_id": user(number), "session_id": visit(number, dice.randrange(5))}
        chance = dice.random()
        if chance < 0.2:
            del whose["user_id"]
        elif chance < 0.3:
            whose["session_id"] = family(number)
        elif chance < 0.35:
            whose = {"session_id": family(number)}
        elif chance < 0.5:
            whose = {"session_id": f"stranger-{dice.randrange(people)}"}
        yield dice.choice(KINDS)(dice) | whose | {"event_id": f"{name}-{place}", "channel": "web"}


def search(dice: random.Random) -> dict[str, Any]:
    found = [product(dice) for _ in range(3)]
    return {
        "event_type": "search",
        "query": dice.choice(WORDS),
        "intent": dice.choice(["product_search", "browse"]),
        "search_id": str(uuid4()),
        "result_skus": found,
        "suppliers": [f"supplier-{dice.randrange(5)}"],
    }


def look(dice: random.Random) -> dict[str, Any]:
    return {
        "event_type": "interaction",
        "interaction_type": dice.choice(["product_view", "product_click"]),
        "product_id": product(dice),
        "context": {"from": "résultats", "at": dice.random()},
    }


def cart(dice: random.Random) -> dict[str, Any]:
    return {
        "event_type": "cart",
        "action": "add",
        "product_id": product(dice),
        "quantity": 2,
        "price": 5.99,
    }


def order(dice: random.Random) -> dict[str, Any]:
    items = [{"product_id": product(dice), "quantity": 1, "price": 3.49} for _ in range(3)]
    return {"event_type": "order", "order_id": str(uuid4()), "items": items, "total_value": 10.47}


def shown(dice: random.Random) -> dict[str, Any]:
    return {
        "event_type": "recommendation_impression",
        "surface": "home",
        "product_ids": [product(dice)],
    }


KINDS: tuple[Callable[[random.Random], dict[str, Any]], ...] = (search, look, look, cart, order, shown)


def product(dice: random.Random) -> str:
    return f"sku-{dice.randrange(200)}"


def send(some: Iterable[Mapping[str, Any]]) -> int:
    """Through the front door; how many were of people who are being erased."""
    from capture import ingest

    receipt = ingest.accept([msgspec.json.encode(event) for event in some])
    assert not receipt.rejected, receipt
    return receipt.suppressed


def write(lines: int, people: int, name: str) -> None:
    source = events(people, name)
    for start in range(0, lines, BATCH):
        send(islice(source, min(BATCH, lines - start)))


def drain(name: str) -> None:
    from capture import deliver

    while deliver.drain(name, is_final=True):
        pass


def fill(lines: int, people: int) -> None:
    """As the first thing that a process does, for its children would go on with its connections."""
    each = lines // WRITERS
    together([partial(write, each, people, f"before{place}") for place in range(WRITERS)])
    together([partial(drain, name) for name in SINKS])


def together(work: Iterable[Callable[[], None]]) -> None:
    """Each in a process of its own.

    Raises:
        SystemExit: one of them failed, and has said why.
    """
    processes = [multiprocessing.get_context("fork").Process(target=one) for one in work]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        sys.exit(1)


def go_on(people: int) -> None:
    """Small batches one after another, delivered as they come; says how many events were refused."""
    from django.core.management import call_command

    enough = threading.Event()
    refused = [0]

    def shop() -> None:
        source = events(people, f"meanwhile-{datetime.now(UTC):%H%M%S}")
        while not enough.wait(PAUSE_SECONDS):
            refused[0] += send(islice(source, SMALL_BATCH))

    shoppers = threading.Thread(target=shop)
    shoppers.start()
    print("going on", flush=True)  # noqa: T201 (for who waits)
    call_command("drain", loop=True)  # until SIGTERM
    enough.set()
    shoppers.join()
    print(f"refused {refused[0]}", flush=True)  # noqa: T201


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    django.setup()
    word, *numbers = sys.argv[1:]
    if word == "fill":
        fill(int(numbers[0]), int(numbers[1]))
    else:
        go_on(int(numbers[0]))


if __name__ == "__main__":
    main()
