"""What a change would make of a search, before it is saved."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from leafloaf.catalog.filters import Filters
from leafloaf.catalog.search import Hit, Page, search

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One result; `move` is how it came there from the other list: up, down, same, new or gone, by `places`."""

    hit: Hit
    move: str
    places: int = 0

    @property
    def mark(self) -> str:
        return {"up": f"↑{self.places}", "down": f"↓{self.places}", "same": ""}.get(self.move, self.move)

    @property
    def spoken(self) -> str:
        """The same for those who do not see the arrow."""
        return f"moved {self.move} by {self.places}" if self.places else self.mark


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first results for a query in a category, as they are and as they would be."""

    query: str
    category: str
    before: list[Line]
    after: list[Line]
    totals: tuple[int, int]

    @property
    def is_changed(self) -> bool:
        return any(line.move != "same" for line in (*self.before, *self.after))


def of(save: Callable[[], object], *, query: str, category: str = "") -> Comparison:
    """The search without and with what `save` writes, which is rolled back: nobody else ever sees it.

    Raises:
        SearchTimeout: one of the two searches took longer than it may.
    """
    before = _first(query, category)
    with transaction.atomic():
        save()
        after = _first(query, category)
        transaction.set_rollback(True)
    return Comparison(query, category, *compare(before.results, after.results), (before.total, after.total))


def compare(before: list[Hit], after: list[Hit]) -> tuple[list[Line], list[Line]]:
    """Both lists, each result with its move."""
    then = {hit.product_id: hit.position for hit in before}
    now = {hit.product_id: hit.position for hit in after}
    return (
        [Line(hit, "same" if hit.product_id in now else "gone") for hit in before],
        [_moved(hit, then.get(hit.product_id)) for hit in after],
    )


def _moved(hit: Hit, was: int | None) -> Line:
    if was is None:
        return Line(hit, "new")
    if was == hit.position:
        return Line(hit, "same")
    return Line(hit, "up" if hit.position < was else "down", abs(was - hit.position))


def _first(query: str, category: str) -> Page:
    return search(query, filters=Filters(category=category), limit=SHOWN)
