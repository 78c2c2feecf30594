"""What is remembered of one person, read at once: each product they had to do with, and their signals for it.

With Redis on a copy is kept under the version of the profile and of the catalogue, so it is never an old one.
"""

from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from django.conf import settings

from leafloaf.catalog import version
from leafloaf.lib import cache, statements
from personalization import instruments
from personalization.prediction.histories import Numbers
from personalization.signals import affinity, marks
from personalization.signals.affinity import Affinities
from personalization.signals.decay import Decay, Floats
from personalization.signals.marks import Marks, Signal
from personalization.signals.people import Person

KEPT_SECONDS = 60 * 60
FOR = (Signal.CLICK, Signal.CART, Signal.PURCHASE)
"""What speaks for a product; a good rating is stored as a click, a look says little."""
ROWS = """
SELECT kept.product_id, product.name, brand.name, category.path, coalesce(product.dietary::text[], '{}'),
       kept.marks, kept.paid
FROM personalization_producthistory AS kept
LEFT JOIN catalog_product AS product ON product.sku = kept.product_id
LEFT JOIN catalog_brand AS brand ON brand.id = product.brand_id
LEFT JOIN catalog_category AS category ON category.id = product.category_id
WHERE kept.subject_id = %s
ORDER BY kept.product_id
"""


class Row(msgspec.Struct, array_like=True, gc=False):
    """One product; without a name when the catalogue has it no more."""

    product_id: str
    name: str | None
    brand: str | None
    category: str | None
    dietary: list[str]
    marks: bytes
    paid: bytes


@dataclass(frozen=True)
class Memory:
    """The products in the order of their SKUs; each mark knows the place of its product among them."""

    products: list[Row]

    @cached_property
    def joined(self) -> tuple[Marks, Numbers]:
        """All marks, and for each the place of its product."""
        return marks.joined(row.marks for row in self.products)

    def of(self, signal: Signal) -> tuple[Marks, Numbers]:
        """The marks of one signal, and the places of their products."""
        every, place = self.joined
        chosen = every["signal"] == signal
        return every[chosen], place[chosen]

    def affinities(self, now: float, profile: str = "founding") -> Affinities:
        """The preference scores at a moment in seconds since 1970, by one of `SIGNAL_PROFILES`."""
        rows, chosen = self.products, settings.SIGNAL_PROFILES[profile]
        strengths = Decay.of(chosen["signals"]).strengths(self.joined[0], now)
        return affinity.measured(
            strengths,
            self.joined[1],
            [row.product_id for row in rows],
            [row.brand for row in rows],
            [row.category for row in rows],
            self._disliked(strengths),
            chosen["is_saturating"],
        )

    def _disliked(self, strengths: Floats) -> frozenset[str]:
        """The products with a low rating that still counts, and nothing said for them since."""
        every, place = self.joined
        against, latest = (np.full(len(self.products), -1) for _ in range(2))
        is_against = (every["signal"] == Signal.DISLIKED) & (strengths < 0)
        for last, chosen in ((against, is_against), (latest, np.isin(every["signal"], FOR))):
            np.maximum.at(last, place[chosen], every["second"][chosen].astype(np.int64))
        rows = np.flatnonzero((against >= 0) & (against >= latest))
        return frozenset(self.products[row].product_id for row in rows)


NOTHING = Memory([])

encoder = msgspec.msgpack.Encoder()
decoder = msgspec.msgpack.Decoder(list[Row])


def read(person: Person | None) -> Memory:
    """What is remembered of a person; nothing of nobody, and of who does not want it used."""
    if person is None or not person.is_personalized or not person.version:
        return NOTHING
    return Memory(_kept(person) if cache.is_on() else _read(person))


def read_now(person: Person) -> Memory:
    """The same without asking for a copy, or making one."""
    return Memory(_read(person)) if person.is_personalized and person.version else NOTHING


def _kept(person: Person) -> list[Row]:
    name = f"user:{person.subject_id}:cache:memory:{person.version}:{version.current()}"
    packed, status = cache.remember(name, KEPT_SECONDS, lambda: encoder.encode(_read(person)))
    instruments.CACHE_ANSWERS.labels(status).inc()
    return decoder.decode(packed)


def _read(person: Person) -> list[Row]:
    return [Row(*row) for row in statements.fetch(ROWS, [person.subject_id])]
