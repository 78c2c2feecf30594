"""A shop's past orders, from two CSV files, through the same ingest as the API.

Each order's event id is made from its number, and its time from the file, so that a second run finds every event
already there. To end the history today, nothing is rewritten: the last order's time is given as when the history was
"sent", and ingest's clock correction moves every order by the same amount.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any

from capture import ingest
from capture.records import encoder

ORDER_COLUMNS = ["order_id", "user_id", "ordered_at"]
ITEM_COLUMNS = ["order_id", "product_id", "quantity", "price"]
ORDERS_AT_ONCE = 100
MOST_DIGITS = 30


class UnusableFile(Exception):
    """A file that cannot be read as order history."""


@dataclass
class Report:
    """What a run came to; `rejected` holds the place and the reason of each order left out."""

    orders: int = 0
    lines: int = 0
    accepted: int = 0
    duplicates: int = 0
    suppressed: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    """One order as the file has it."""

    place: str
    order_id: str
    user_id: str
    ordered_at: datetime


def load(
    orders_file: Path,
    items_file: Path,
    *,
    shift_to_now: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Sends every order of the history into the log.

    Args:
        shift_to_now: move the whole history so that its last order is now, the gaps kept.
        progress: told how many orders of how many are done.

    Raises:
        UnusableFile: before anything is sent.
    """
    report = Report()
    orders = list(read_orders(orders_file, report))
    lines, broken = read_items(items_file, report)
    orders = [order for order in orders if order.order_id not in broken]
    received_at = datetime.now(UTC)
    last = max((order.ordered_at for order in orders), default=received_at)
    sent_at = last if shift_to_now else None
    remaining = iter(orders)
    while chunk := list(islice(remaining, ORDERS_AT_ONCE)):
        send(chunk, lines, sent_at, received_at, report)
        report.orders += len(chunk)
        progress(report.orders, len(orders))
    return report


def send(
    orders: Iterable[Order],
    lines: dict[str, list[dict[str, Any]]],
    sent_at: datetime | None,
    received_at: datetime,
    report: Report,
) -> None:
    """Sends some orders as one batch and adds what came of it to the report."""
    complete = []
    for order in orders:
        if lines.get(order.order_id):
            complete.append(order)
        else:
            report.rejected.append((order.place, f"order {order.order_id} has no usable lines"))
    receipt = ingest.accept(
        [encoder.encode(event_of(order, lines[order.order_id], sent_at)) for order in complete],
        received_at=received_at,
        past=None,
    )
    report.lines += sum(len(lines[order.order_id]) for order in complete)
    report.accepted += receipt.accepted
    report.duplicates += receipt.duplicates
    report.suppressed += receipt.suppressed
    for rejection in receipt.rejected:
        reasons = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in rejection.faults)
        report.rejected.append((complete[rejection.index].place, reasons))


def event_of(order: Order, items: list[dict[str, Any]], sent_at: datetime | None) -> dict[str, Any]:
    """The order event; its value is null when the price of a line is not known."""
    prices = [item["price"] for item in items]
    values = [item["quantity"] * item["price"] for item in items if item["price"] is not None]
    event = {
        "event_type": "order",
        "event_id": f"order-{order.order_id}",
        "user_id": order.user_id,
        "timestamp": order.ordered_at,
        "order_id": order.order_id,
        "items": items,
        "total_value": None if None in prices else sum(values),
        "channel": "server",
    }
    return event | ({"sent_at": sent_at} if sent_at else {})


def read_orders(path: Path, report: Report) -> Iterator[Order]:
    for place, row in rows(path, ORDER_COLUMNS):
        try:
            ordered_at = datetime.fromisoformat(row["ordered_at"])
        except ValueError:
            report.rejected.append((place, f"ordered_at {row['ordered_at']!r} is not an ISO 8601 time"))
            continue
        if ordered_at.tzinfo is None:
            report.rejected.append((place, f"ordered_at {row['ordered_at']!r} has no time zone"))
        elif not row["order_id"] or not row["user_id"]:
            report.rejected.append((place, "order_id and user_id are required"))
        else:
            yield Order(place, row["order_id"], row["user_id"], ordered_at)


def read_items(path: Path, report: Report) -> tuple[dict[str, list[dict[str, Any]]], set[str]]:
    """The lines of each order, and the orders with a bad one: what is in the log cannot be put right later.

    A blank quantity counts as one, a blank price as not known.
    """
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    broken: set[str] = set()
    for place, row in rows(path, ITEM_COLUMNS):
        try:
            quantity = number(row["quantity"] or "1")
            price = number(row["price"]) if row["price"] else None
        except InvalidOperation:
            complaint = f"{row['quantity']!r} or {row['price']!r} is not a number"
            report.rejected.append((place, f"{complaint}; order {row['order_id']} is left out"))
            broken.add(row["order_id"])
            continue
        lines[row["order_id"]].append({"product_id": row["product_id"], "quantity": quantity, "price": price})
    return lines, broken


def number(text: str) -> Decimal:
    """The number, if it is one to reckon with: finite, and of no astronomical size.

    Raises:
        InvalidOperation: it is not.
    """
    value = Decimal(text)
    if not value.is_finite() or abs(value.adjusted()) > MOST_DIGITS:
        raise InvalidOperation
    return value


def rows(path: Path, columns: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with its place, `file:line`.

    Raises:
        UnusableFile: the file cannot be read or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if missing := [column for column in columns if column not in (reader.fieldnames or [])]:
                raise UnusableFile(
                    f"{path} lacks the columns {', '.join(missing)}; it needs {', '.join(columns)}"
                )
            for row in reader:
                yield (
                    f"{path.name}:{reader.line_num}",
                    {column: (row[column] or "").strip() for column in columns},
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableFile(f"{path} cannot be read: {error}") from error
