"""Events as a shop sends them, made up but with realistic shapes and sizes; the same ones for every contender."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec

USERS = 2_000
PRODUCTS = 5_000
ANONYMOUS_SHARE = 0.3
NAMESPACE = UUID("6f1c0e6e-6f55-4f0e-8f0c-3c8f8b5f6a10")
ENVELOPE = {"event_id", "event_type", "user_id", "session_id", "timestamp"}


@dataclass(frozen=True)
class Row:
    """One event without anything of LeafLoaf's: what the raw insert and the plain views store."""

    event_id: str
    event_type: str
    subject_id: UUID | None
    session_id: str
    occurred_at: datetime
    received_at: datetime
    payload: str
    schema_version: int = 1

    def values(self) -> tuple[Any, ...]:
        return (
            self.event_id,
            self.event_type,
            self.subject_id,
            self.session_id,
            self.occurred_at,
            self.received_at,
            self.payload,
            self.schema_version,
        )


class Samples:
    """An endless supply of fresh events; two with the same seed give the same contents under other ids."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)  # noqa: S311

    def events(self, count: int) -> list[dict[str, Any]]:
        return [self.event() for _ in range(count)]

    def event(self) -> dict[str, Any]:
        """One event as a client sends it: mostly looks at products, now and then an order."""
        kinds = (self.interaction, self.cart, self.search, self.impression, self.order)
        make = self.random.choices(kinds, weights=(60, 15, 12, 8, 5))[0]
        user = self.random.randrange(USERS)
        event = {
            "event_id": str(uuid4()),
            "timestamp": (datetime.now(UTC) - timedelta(seconds=self.random.random())).isoformat(),
            "session_id": f"session_{user}_{self.random.randrange(9)}",
            "channel": "web",
        }
        if self.random.random() > ANONYMOUS_SHARE:
            event["user_id"] = f"user_{user}"
        return event | make()

    def product(self) -> str:
        return f"SKU_{self.random.randrange(PRODUCTS):05}"

    def interaction(self) -> dict[str, Any]:
        return {
            "event_type": "interaction",
            "interaction_type": "product_view",
            "product_id": self.product(),
            "position": self.random.randrange(1, 21),
            "product_name": "Organic Whole Milk 2 L",
            "category": "Dairy & Eggs > Milk",
            "brand": "Laiterie du Plateau",
            "context": {"page": "/search", "from": "results"},
        }

    def cart(self) -> dict[str, Any]:
        return {
            "event_type": "cart",
            "action": "add",
            "product_id": self.product(),
            "quantity": self.random.randrange(1, 5),
            "price": 5.99,
        }

    def search(self) -> dict[str, Any]:
        return {
            "event_type": "search",
            "query": "organic oat milk",
            "results_count": 37,
            "response_time_ms": 12.4,
            "result_skus": [self.product() for _ in range(20)],
            "filters": {"dietary": ["organic"]},
        }

    def impression(self) -> dict[str, Any]:
        return {
            "event_type": "recommendation_impression",
            "surface": "home",
            "product_ids": [self.product() for _ in range(12)],
            "algorithm": "affinity",
        }

    def order(self) -> dict[str, Any]:
        items = [
            {"product_id": self.product(), "quantity": 2, "price": 3.49, "category": "Bakery"}
            for _ in range(12)
        ]
        return {
            "event_type": "order",
            "order_id": f"order_{self.random.randrange(10**9)}",
            "items": items,
            "total_value": 83.76,
            "currency": "CAD",
        }


def row_of(event: dict[str, Any], received_at: datetime) -> Row:
    payload = {name: value for name, value in event.items() if name not in ENVELOPE}
    user_id = event.get("user_id")
    return Row(
        event_id=event["event_id"],
        event_type=event["event_type"],
        subject_id=uuid5(NAMESPACE, user_id) if user_id else None,
        session_id=event["session_id"],
        occurred_at=datetime.fromisoformat(event["timestamp"]),
        received_at=received_at,
        payload=json.dumps(payload),
    )


def rows(events: list[dict[str, Any]]) -> list[Row]:
    received_at = datetime.now(UTC)
    return [row_of(event, received_at) for event in events]


def plain_body(event: dict[str, Any]) -> dict[str, Any]:
    """The event for a view that stores what it is given: the same content, already under a pseudonym."""
    row = row_of(event, datetime.now(UTC))
    return {
        "event_id": row.event_id,
        "event_type": row.event_type,
        "subject_id": str(row.subject_id) if row.subject_id else None,
        "session_id": row.session_id,
        "occurred_at": event["timestamp"],
        "payload": json.loads(row.payload),
    }


def bodies(events: list[dict[str, Any]], batch: int) -> Iterator[bytes]:
    """Request bodies of `batch` events each; a lone event travels without an envelope."""
    for start in range(0, len(events), batch):
        part = events[start : start + batch]
        yield msgspec.json.encode(part[0]) if batch == 1 else enveloped(part)


def enveloped(events: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode({"events": events})
