"""A shop of some months that leaves nothing simple: late events, clocks that run fast, shoppers known and not."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from capture import ingest
from tests.calls import cart, impression, interaction, order, search

CATEGORIES = ("Dairy", "Dairy > Milk", "Pantry", "Crèmes glacées", "", None)
QUERIES = ("oat milk", " Oat  Milk", "OAT MILK", "bread", "pâtes", "été\tdoux", "")
INTENTS = ("product_search", "recipe", "", None)
SUPPLIERS = ("Oatly", "Organic Valley", "Laiterie de l'Été", "")
AGES = (0, 0, 0, 1, 1, 2, 7, 29, 30, 31, 60, 88, 89, 90, 96)
"""In days: up to today, and to more than the stores keep."""


class Shop:
    """Makes events, and sends each through ingest as of the moment that it is received."""

    def __init__(self, seed: int, now: datetime, shoppers: int = 30, products: int = 25) -> None:
        self.dice = random.Random(seed)  # noqa: S311
        self.now = now
        self.shoppers = [f"shopper_{number}" for number in range(shoppers)]
        self.products = [f"sku_{number}" for number in range(products)]

    def open(self, batches: int, size: int = 20) -> int:
        """Sends batches, some of them twice; returns how many events were accepted."""
        accepted = 0
        for number in range(batches):
            age = (
                timedelta(days=self.dice.choice(AGES), hours=self.dice.choice((0, 1, 5)))
                if number
                else timedelta()
            )
            received_at = self.now - age
            bodies = [msgspec.json.encode(body) for body in self.events(size, received_at)]
            for _ in range(self.dice.choice((1, 1, 2))):
                receipt = ingest.accept(bodies, received_at=received_at)
                assert not receipt.rejected, receipt.rejected
                accepted += receipt.accepted
        return accepted

    def events(self, count: int, received_at: datetime) -> Iterator[dict[str, Any]]:
        for _ in range(count):
            make = self.dice.choice(
                (self.search, self.interaction, self.interaction, self.cart, self.order, self.shown)
            )
            yield make() | self.who() | self.when(received_at)

    def who(self) -> dict[str, Any]:
        name = self.dice.choice(self.shoppers)
        return self.dice.choice(
            ({"user_id": name}, {"user_id": name, "session_id": "s"}, {"session_id": name}, {})
        )

    def when(self, received_at: datetime) -> dict[str, Any]:
        """At once, minutes ago, just around midnight, days ago, or by a clock that is ahead."""
        midnight = received_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        late = self.dice.choice(
            (
                received_at,
                received_at - timedelta(seconds=self.dice.uniform(0, 7200)),
                min(received_at, midnight + timedelta(microseconds=self.dice.randrange(-3, 3))),
                received_at - timedelta(days=self.dice.uniform(0, 29)),
                received_at + timedelta(minutes=4),
            )
        )
        return {"timestamp": late.isoformat()} if self.dice.random() < 0.8 else {}

    def search(self) -> dict[str, Any]:
        fields = {
            "query": self.dice.choice(QUERIES),
            "intent": self.dice.choice(INTENTS),
            "results_count": self.dice.choice((None, 0, 3, 40)),
            "suppliers": self.dice.choice((None, [], list(SUPPLIERS), [*SUPPLIERS[:1] * 2])),
            "search_id": self.dice.choice((None, f"search_{self.dice.randrange(60)}")),
        }
        return search(**{name: value for name, value in fields.items() if value is not None})

    def interaction(self) -> dict[str, Any]:
        return interaction(
            interaction_type=self.dice.choice(
                ("product_view", "product_view", "product_click", "add_to_list", "rating")
            ),
            product_id=self.dice.choice(self.products),
            rating=self.dice.choice((None, 1, 2, 2.5, 3.9, 4, 5)),
            category=self.dice.choice(CATEGORIES),
            **self.from_search(),
        )

    def cart(self) -> dict[str, Any]:
        return cart(
            action=self.dice.choice(("add", "add", "remove", "update")),
            product_id=self.dice.choice(self.products),
            quantity=self.dice.choice((0, 1, 2, 0.5)),
            **self.from_search(),
        )

    def order(self) -> dict[str, Any]:
        items = [
            {
                "product_id": self.dice.choice(self.products),
                "quantity": self.dice.choice((0, 1, 1, 3)),
                "price": 2.5,
                "category": self.dice.choice(CATEGORIES),
            }
            for _ in range(self.dice.randrange(1, 7))
        ]
        return order(items=items, order_id=f"order_{self.dice.randrange(10**6)}", total_value=10)

    def shown(self) -> dict[str, Any]:
        return impression(product_ids=self.dice.sample(self.products, 3))

    def from_search(self) -> dict[str, Any]:
        return {"search_id": f"search_{self.dice.randrange(60)}"} if self.dice.random() < 0.6 else {}
