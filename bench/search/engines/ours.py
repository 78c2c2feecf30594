"""LeafLoaf as it is: over HTTP as a shop calls it, and called in this process."""

import inspect
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.capture import clients
from bench.search.catalogues import Product
from bench.search.engines import PAGE
from leafloaf.catalog import search

PATH = "/api/v1/search"
KEYWORD = 0.0
EXAMPLE = "organic milk"
IDLE_SECONDS = 10
"""A web server lets go of a connection that nobody uses for longer, while another engine answers."""
SAYS_ALPHA = "alpha" in inspect.signature(search.search).parameters


class AnsweringClient(clients.Client):
    """One that gives the answer itself."""

    def ask(self, request: bytes) -> dict[str, Any]:
        self.socket.sendall(request)
        answer = self._receive()
        if not answer.startswith(self.expected):
            raise clients.BadAnswer(answer[:2000].decode(errors="replace"))
        found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return found


@dataclass
class Http:
    """`alpha` None leaves it to the shop; `user` names somebody, so that the page is made for them.

    `inside_ms` is what the last answer says of itself, `caches` how often each word for the cache was said.
    """

    name: str
    port: int
    key: str
    alpha: float | None = KEYWORD
    user: str = ""
    inside_ms: float = 0.0
    caches: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.client = AnsweringClient(self.port, b"HTTP/1.1 200")
        self.asked_at = time.monotonic()

    def build(self, products: Sequence[Product]) -> None:
        return

    def request(self, query: str) -> bytes:
        body: dict[str, Any] = {"query": query, "limit": PAGE}
        body |= {"alpha": self.alpha} if self.alpha is not None else {}
        body |= {"user_id": self.user} if self.user else {}
        return clients.request(PATH, json.dumps(body).encode(), self.key)

    def answer(self, query: str) -> dict[str, Any]:
        if time.monotonic() - self.asked_at > IDLE_SECONDS:
            self.close()
            self.open()
        self.asked_at = time.monotonic()
        return self.client.ask(self.request(query))

    def top(self, query: str) -> list[str]:
        answer = self.answer(query)
        self.inside_ms = answer["execution"]["total_time_ms"]
        self.caches[answer["execution"]["cache"]] += 1
        return [hit["sku"] for hit in answer["results"]]

    def alpha_in_effect(self) -> float:
        """Above 0 only where the semantic half is installed and ready."""
        return float(self.answer(EXAMPLE)["execution"].get("alpha") or 0)

    def close(self) -> None:
        self.client.close()


@dataclass
class InProcess:
    """The catalogue's own function: no HTTP, no intent, no event."""

    name: str
    alpha: float | None = KEYWORD

    def build(self, products: Sequence[Product]) -> None:
        return

    def top(self, query: str) -> list[str]:
        given = {"alpha": self.alpha} if SAYS_ALPHA and self.alpha is not None else {}
        return [hit.sku for hit in search.search(query, limit=PAGE, **given).results]

    def close(self) -> None:
        return
