"""Made-up shoppers, packed and copied into the tables, and a catalogue of what they buy."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import psycopg

from personalization.signals.marks import MARK, Signal

PRODUCTS, SHELVES, BRANDS = 5000, 100, 250
REGULAR, OTHER = 150, 10
"""Products of those who are asked about, and of everybody else among many."""
REGULARS = 200
KINDS = 500
"""Histories made up; each shopper has some of these."""
ADJECTIVES = 50
TABLES = ("personalization_producthistory", "personalization_profile")


def catalogue(path: Path) -> Path:
    """As many products as can be told apart by two words and a number."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sku", "name", "brand", "category", "price", "currency", "in_stock"])
        for number in range(PRODUCTS):
            name = f"{word(number % ADJECTIVES)} {word(100 + number // ADJECTIVES % SHELVES)} {number}"
            shelf = f"Department {number % 10} > Shelf {number % SHELVES}"
            writer.writerow([sku(number), name, f"Brand {number % BRANDS}", shelf, "2.50", "CAD", "true"])
    return path


def word(number: int) -> str:
    """A word of its own for each number, far from all others."""
    parts = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "tu")
    return "".join(parts[int(digit)] for digit in f"{number * 7919 % 100_000:05}")


def sku(number: int) -> str:
    return f"sku{number:05}"


def load(url: str, shoppers: int) -> list[str]:
    """So many people instead of those before; the user ids of those with `REGULAR` products."""
    dice, people = np.random.default_rng(7), sorted(uuid4() for _ in range(shoppers))
    some = histories(dice)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE privacy_subject, capture_event CASCADE")
        connection.execute(f"TRUNCATE {', '.join(TABLES)}")
        with connection.cursor() as cursor:
            with cursor.copy("COPY privacy_subject (id, user_id, generation, state) FROM STDIN") as copy:
                for place, who in enumerate(people):
                    copy.write_row((who, f"user_{place}", 1, "active"))
            with cursor.copy(f"COPY {TABLES[1]} (subject_id, version) FROM STDIN") as copy:
                for who in people:
                    copy.write_row((who, 1))
            with cursor.copy(f"COPY {TABLES[0]} (subject_id, product_id, marks, paid) FROM STDIN") as copy:
                for row in rows(dice, people, some):
                    copy.write_row(row)
        connection.execute("VACUUM ANALYZE")
    return [f"user_{place}" for place in range(min(shoppers, REGULARS))]


def rows(
    dice: np.random.Generator, people: list[UUID], some: list[bytes]
) -> Iterator[tuple[UUID, str, bytes, bytes]]:
    for place, who in enumerate(people):
        size = REGULAR if place < REGULARS else OTHER
        chosen = dice.integers(0, len(some), size).tolist()
        start = int(dice.integers(PRODUCTS))
        for number, history in enumerate(chosen):
            yield who, sku((start + number * 31) % PRODUCTS), some[history], b""


def histories(dice: np.random.Generator) -> list[bytes]:
    """One to twelve signals each, two of five of them purchases; orders are a week apart."""
    now, found = int(datetime.now(UTC).timestamp()), []
    for _ in range(KINDS):
        made = np.zeros(int(dice.integers(1, 13)), MARK)
        signals = [Signal.VIEW, Signal.CLICK, Signal.CART, Signal.PURCHASE, Signal.PURCHASE]
        made["signal"] = dice.choice(signals, len(made))
        made["quantity"] = 100
        week = dice.integers(0, 24, len(made))
        made["second"] = now - 3600 - week * 7 * 86_400 - np.where(made["signal"] == Signal.PURCHASE, 0, 600)
        is_remembered = ~((made["signal"] != Signal.PURCHASE) & (week > 3))
        made["signal"][~is_remembered] = Signal.PURCHASE
        found.append(np.sort(made, order="second").tobytes())
    return found
