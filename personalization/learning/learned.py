"""The version in use of what the shop has learned: read once a process, kept until another one is in use.

A version that cannot be read is refused with an error in the log, and the one before goes on serving.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from leafloaf.lib import statements
from personalization.learning import packing, shop_history
from personalization.learning.packing import Content
from personalization.prediction.associations import Associations
from personalization.prediction.cooccurrence import Neighbours
from personalization.prediction.counters import Record
from personalization.prediction.next_basket import BasketWeights, Shop
from personalization.prediction.product_statistics import Products
from personalization.prediction.reorder_training import ReorderWeights
from personalization.signals.memory import Memory

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How long after another version is put to use a process may not know of it yet."""
IN_USE = "SELECT id FROM personalization_learnedversion WHERE is_active"
CONTENT = "SELECT content FROM personalization_learnedversion WHERE id = %s::integer"
USUAL_RATE, USUAL_NEW = 0.1, 1.0
"""How often a product is bought again, and how many of a basket are new, before the shop can say."""


@dataclass(frozen=True)
class Learned:
    """What was learned of the shop; version 0 is before any fit, when the closed form answers from a person's own."""

    version: int
    content: Content

    @property
    def products(self) -> list[str]:
        """SKUs; a product's number is its place here."""
        return self.content.products

    @property
    def statistics(self) -> Products:
        return self.content.statistics

    @property
    def tables(self) -> Associations:
        return self.content.tables

    @property
    def basket_weights(self) -> BasketWeights | None:
        return self.content.basket_weights

    @property
    def reorder_weights(self) -> ReorderWeights | None:
        return self.content.reorder_weights

    @cached_property
    def index(self) -> dict[str, int]:
        """The number of each product."""
        return {sku: number for number, sku in enumerate(self.products)}

    def shop_of(self, memory: Memory) -> tuple[Shop, list[str]]:
        """The shop as a prediction for one person reads it, and the SKU of each product number in it.

        The person is shopper 0. Products of theirs that the shop has not learned of yet are numbered behind the others.
        """
        lines = shop_history.of_person(memory, self.products, self.index)
        statistics = self.statistics.with_unknown(len(lines.products) - len(self.products))
        return Shop(Record.at_once(lines), statistics, self.tables), lines.products


def nothing() -> Learned:
    """What is known before any fit."""
    values = np.zeros(0)
    statistics = Products(values, values, values, values, values, USUAL_RATE, USUAL_NEW, 1)
    table = Neighbours(np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32))
    return Learned(0, Content([], statistics, Associations(table, table, table), None, None))


@dataclass
class Kept:
    """What this process serves, and when it last looked whether that is still in use, by `time.monotonic`."""

    learned: Learned = field(default_factory=nothing)
    looked_at: float = -LOOK_SECONDS
    refused: int | None = None
    """A version in use that could not be read."""
    reading: threading.Lock = field(default_factory=threading.Lock)


_kept = Kept()


def current() -> Learned:
    """What is in use: asked for with one small statement each `LOOK_SECONDS`, else without any.

    While one thread reads another version, the others go on with the one before.
    """
    if time.monotonic() - _kept.looked_at < LOOK_SECONDS:
        return _kept.learned
    if _kept.reading.acquire(blocking=not _kept.learned.version):
        try:
            _look()
        finally:
            _kept.reading.release()
    return _kept.learned


def forget() -> None:
    """Lets the next one who asks look again."""
    _kept.learned, _kept.refused, _kept.looked_at = nothing(), None, -LOOK_SECONDS


def read(version: int) -> Learned:
    """A version as it is stored.

    Raises:
        LookupError: there is none of that number.
        packing.Broken: it cannot be relied on.
    """
    rows = statements.fetch(CONTENT, [version])
    if not rows:
        raise LookupError(f"There is no version {version}.")
    return Learned(version, packing.unpacked(rows[0][0]))


def _look() -> None:
    if time.monotonic() - _kept.looked_at < LOOK_SECONDS:
        return
    rows = statements.fetch(IN_USE)
    version = rows[0][0] if rows else 0
    if version not in (_kept.learned.version, _kept.refused):
        _change(version)
    _kept.looked_at = time.monotonic()


def _change(version: int) -> None:
    try:
        learned = read(version) if version else nothing()
        learned.index  # noqa: B018 (made here, not in the first request)
    except (LookupError, packing.Broken) as error:
        _kept.refused = version
        logger.error(
            "Version %s of the predictions is refused; %s serves. %s", version, _kept.learned.version, error
        )
        return
    _kept.learned, _kept.refused = learned, None
