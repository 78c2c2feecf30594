"""What a shop's visitors ask for, as whole HTTP requests: of people who are known, in their share, and of others."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import msgspec

from bench.capacity import growing
from bench.capacity.names import (
    COMPLEMENTS,
    RECOMMENDATIONS,
    SEARCH,
    SEARCH_WORDS,
    SUGGEST,
)
from bench.capacity.shop import Keys
from bench.load.journeys import SIGNED_IN, Product, Request, quoted
from bench.load.sending import Keys as SenderKeys
from bench.load.sending import Sender


class Visitors:
    """An endless supply of requests about real products; every visit has a network address of its own."""

    def __init__(self, keys: Keys, products: Sequence[Product], events: int) -> None:
        self.random = random.Random(events)  # noqa: S311
        self.sender = Sender(0, SenderKeys(keys.publishable, keys.secret))
        self.products = products
        self.shoppers = growing.Shoppers(events, [product.sku for product in products], seed=99)
        self.numbers = count()

    def requests(self, route: str, wanted: int) -> list[bytes]:
        return [self.sender.encoded(self.request(route)) for _ in range(wanted)]

    def request(self, route: str) -> Request:
        product = self.random.choice(self.products)
        is_known = route == RECOMMENDATIONS or self.random.random() < SIGNED_IN
        user = self.random.choice(self.shoppers.users) if is_known else None
        visit, words = f"visit-{next(self.numbers)}", " ".join(product.name.split()[:2])
        path, body = f"/api/v1/products/{quoted(product.sku)}", None
        if route == SUGGEST:
            path = f"/api/v1/suggest?q={quoted(words[: max(2, len(words) // 2)])}"
        elif route == COMPLEMENTS:
            path += "/complements"
        elif route == RECOMMENDATIONS:
            path = "/api/v1/recommendations?limit=20"
        elif route in (SEARCH, SEARCH_WORDS):
            path, body = "/api/v1/search", self.search(words, visit, user, route)
        return Request(0, route, path, visit, user, body)

    def search(self, words: str, visit: str, user: str | None, route: str) -> dict[str, Any]:
        body = {"query": words, "session_id": visit} | ({"user_id": user} if user else {})
        return body | ({"alpha": 0} if route == SEARCH_WORDS else {})

    def events(self, wanted: int, batch: int, *, is_known: bool | None = None) -> list[bytes]:
        """So many events in requests of `batch`, as they come, or all of known people, or all of nobody."""
        found = iter(self.fresh(wanted, is_known))
        return [
            self.sender.encoded(Request(0, "events", "/api/v1/events", str(uuid4()), "a back end", body))
            for body in iter(lambda: self.envelope(found, batch), None)
        ]

    def envelope(self, events: Iterator[dict[str, Any]], batch: int) -> dict[str, Any] | None:
        part = [event for _, event in zip(range(batch), events, strict=False)]
        if not part:
            return None
        return part[0] if batch == 1 else {"events": part}

    def fresh(self, wanted: int, is_known: bool | None) -> list[dict[str, Any]]:
        made = self.shoppers.batch(datetime.now(UTC), wanted)
        for event in made:
            if is_known:
                event["user_id"] = event.get("user_id") or self.random.choice(self.shoppers.users)
            elif is_known is not None:
                event.pop("user_id", None)
        return made

    def bodies_of(self, user: str, wanted: int) -> list[bytes]:
        """What one person does, for `ingest.accept`."""
        events = self.shoppers.batch(datetime.now(UTC), wanted)
        session = str(uuid4())
        return [msgspec.json.encode(event | {"user_id": user, "session_id": session}) for event in events]
