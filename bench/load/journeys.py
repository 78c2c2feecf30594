"""What the visitors of real sessions ask of the shop. The clicks and their times are real; all else here is GENERATED.

The file says who clicked on what, and when. That a click came from a search, its words, the completions before it, that
somebody is signed in, a cart, an order: those are made, by the shares below, from a seed.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bench.load.sessions import Session

SIGNED_IN = 0.35
"""The share of sessions of a known user, spoken for by the shop's back end with a secret key."""
USERS = 5000
SEARCHED = 0.55
"""The share of clicks that come from a search; a session's first always does. The others come from a product page."""
CARTED = 0.15
ORDERED = 0.3
"""The share of sessions with a cart that end with an order, which the shop's back end reports."""
TYPED, SOUGHT, SHOWN, BOUGHT = -5.0, -4.0, 0.1, 6.0
"""Seconds from a click to the completions and the search before it, its page, and the cart after it."""


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    price: str


@dataclass(frozen=True)
class Request:
    """One request, at its second of the run; a body that is none is a GET."""

    at: float
    route: str
    path: str
    visit: str
    user: str | None = None
    body: dict[str, Any] | None = None
    event_ids: tuple[str, ...] = ()


def planned(
    sessions: Iterator[Session], products: Sequence[Product], run: str, begin: float, end: float
) -> list[Request]:
    """All requests from `begin` to `end`, by time."""
    shelf = Shelf(products)
    wanted = (
        request
        for session in sessions
        if session.starts_at + session.clicks[-1].seconds > begin - BOUGHT * 2
        for request in Visit(session, shelf, run).requests()
        if begin <= request.at < end
    )
    return sorted(wanted, key=lambda request: request.at)


class Shelf:
    """The items of the file as products of the catalogue: in the order of appearance, as often as there are any."""

    def __init__(self, products: Sequence[Product]) -> None:
        self.products = list(products)
        random.Random(8).shuffle(self.products)  # noqa: S311
        self.by_item: dict[str, Product] = {}

    def product(self, item: str) -> Product:
        return self.by_item.setdefault(item, self.products[len(self.by_item) % len(self.products)])


class Visit:
    """One session as requests."""

    def __init__(self, session: Session, shelf: Shelf, run: str) -> None:
        self.session, self.shelf = session, shelf
        self.chance = random.Random(session.number)  # noqa: S311
        self.name = f"{run}-{session.number}"
        is_known = self.chance.random() < SIGNED_IN
        self.user = f"load-user-{self.chance.randrange(USERS)}" if is_known else None
        self.events = 0
        self.cart: list[Product] = []

    def requests(self) -> Iterator[Request]:
        if self.user:
            yield self.asked(TYPED * 2, "recommendations", "/api/v1/recommendations?limit=20")
        for place, click in enumerate(self.session.clicks):
            product = self.shelf.product(click.item)
            is_searched = place == 0 or self.chance.random() < SEARCHED
            if is_searched:
                yield from self.search(click.seconds, product)
            yield from self.look(click.seconds, product, is_searched)
            if self.chance.random() < CARTED:
                yield self.sent(click.seconds + BOUGHT, self.put_in_cart(product))
        if self.cart and self.chance.random() < ORDERED:
            yield self.sent(self.session.clicks[-1].seconds + BOUGHT * 2, self.order())

    def search(self, at: float, product: Product) -> Iterator[Request]:
        words = " ".join(product.name.split()[:2])
        for share in (2, 1):
            typed = words[: max(2, len(words) // (share + 1))]
            yield self.asked(at + TYPED - share * 0.4, "suggest", f"/api/v1/suggest?q={quoted(typed)}")
        body: dict[str, Any] = {"query": words, "session_id": self.name}
        if self.user:
            body["user_id"] = self.user
        yield self.asked(at + SOUGHT, "search", "/api/v1/search", body)

    def look(self, at: float, product: Product, is_searched: bool) -> Iterator[Request]:
        """The event of the click and that of the page come together, as the browser's client sends them."""
        kinds = ("product_click", "product_view") if is_searched else ("product_view",)
        events = [self.event("interaction", interaction_type=kind, product_id=product.sku) for kind in kinds]
        yield self.asked(at + SHOWN, "product", f"/api/v1/products/{quoted(product.sku)}")
        yield self.asked(at + SHOWN * 2, "complements", f"/api/v1/products/{quoted(product.sku)}/complements")
        yield self.sent(at + SHOWN * 5, *events)

    def put_in_cart(self, product: Product) -> dict[str, Any]:
        self.cart.append(product)
        return self.event("cart", action="add", product_id=product.sku, quantity=1)

    def order(self) -> dict[str, Any]:
        items = [{"product_id": one.sku, "quantity": 1, "price": float(one.price)} for one in self.cart]
        total = round(sum(float(one.price) for one in self.cart), 2)
        return self.event("order", order_id=self.name, items=items, total_value=total)

    def event(self, event_type: str, **fields: Any) -> dict[str, Any]:
        self.events += 1
        made = {"event_type": event_type, "event_id": f"{self.name}-{self.events}", "session_id": self.name}
        return made | fields | ({"user_id": self.user} if self.user else {})

    def sent(self, at: float, *events: dict[str, Any]) -> Request:
        ids = tuple(event["event_id"] for event in events)
        return self.asked(at, "events", "/api/v1/events", {"events": list(events)}, ids)

    def asked(
        self,
        seconds: float,
        route: str,
        path: str,
        body: dict[str, Any] | None = None,
        event_ids: tuple[str, ...] = (),
    ) -> Request:
        at = self.session.starts_at + seconds
        return Request(at, route, path, self.name, self.user, body, event_ids)


def quoted(text: str) -> str:
    return quote(text, safe="")
