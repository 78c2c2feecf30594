"""The engines that are compared, each behind the same three calls."""

from collections.abc import Sequence
from typing import Protocol

from bench.search.catalogues import Product

PAGE = 10

# What a word weighs by where it stands; the same for every engine that takes weights.
NAME, BRAND, TRAITS, DESCRIPTION = 3.0, 3.0, 2.0, 0.5


class Engine(Protocol):
    """Answers with the SKUs of a page, best first."""

    name: str

    def build(self, products: Sequence[Product]) -> None:
        """Makes the index, ready to be asked."""

    def top(self, query: str) -> list[str]: ...

    def close(self) -> None: ...
