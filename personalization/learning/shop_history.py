"""What was bought, by everybody or by one person, as the histories that predictions are made from.

An order is a moment at which a person bought something; its number is its place among all of theirs. Days are UTC's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from django.db import connection, transaction

from leafloaf.lib import statements
from personalization.prediction.histories import Histories, Numbers
from personalization.signals import marks
from personalization.signals.marks import Signal
from personalization.signals.memory import Memory
from privacy import consent

DAY = 86_400
ROWS_AT_ONCE = 20_000
MOST_PURCHASES = 4_000_000
"""With more, a share of the shoppers speaks for all: each halving leaves out every other one, drawn by pseudonym."""

PURCHASES = f"""
SELECT kept.subject_id, kept.product_id, kept.marks
FROM privacy_subject AS subject JOIN personalization_producthistory AS kept ON kept.subject_id = subject.id
WHERE subject.state = 'active'
  AND {consent.PERSONALIZES.format(subject="subject.id")}
  AND {consent.KEEPS_PURCHASES.format(subject="subject.id")}
"""  # noqa: S608 (SQL of our own)
KNOWN = "SELECT sku FROM catalog_product WHERE sku = ANY(%s::text[])"


@dataclass
class Gathered:
    """Purchases as they are read; shoppers and products numbered by first appearance."""

    shoppers: dict[UUID, int] = field(default_factory=dict)
    products: dict[str, int] = field(default_factory=dict)
    shopper: list[Numbers] = field(default_factory=list)
    product: list[Numbers] = field(default_factory=list)
    second: list[Numbers] = field(default_factory=list)
    purchases: int = 0
    halvings: int = 0

    def add(self, rows: list[tuple[UUID, str, bytes]]) -> None:
        every, place = marks.joined(row[2] for row in rows)
        chosen = every["signal"] == Signal.PURCHASE
        second, place = every["second"][chosen].astype(np.int64), place[chosen]
        is_bought = np.bincount(place, minlength=len(rows)) > 0
        shopper, product = np.full(len(rows), -1), np.full(len(rows), -1)
        for row in np.flatnonzero(is_bought).tolist():
            who, what, _ = rows[row]
            if who.int & self.mask:
                continue
            shopper[row] = self.shoppers.setdefault(who, len(self.shoppers))
            product[row] = self.products.setdefault(what, len(self.products))
        is_drawn = shopper[place] >= 0
        place, second = place[is_drawn], second[is_drawn]
        self._keep(shopper[place], product[place], second)

    @property
    def mask(self) -> int:
        """The last bits of a pseudonym, which must all be 0."""
        return (1 << self.halvings) - 1

    def forget_rare(self, least: int) -> None:
        """Leaves out the products that the catalogue does not know and fewer shoppers than this have bought."""
        if not self.purchases:
            return
        shopper, product, second = map(np.concatenate, (self.shopper, self.product, self.second))
        pairs = np.unique(np.stack([product, shopper]), axis=1)
        is_kept = np.bincount(pairs[0], minlength=len(self.products)) >= least
        names = list(self.products)
        rare = [names[code] for code in np.flatnonzero(~is_kept).tolist()]
        is_kept[[self.products[sku] for sku in _known(rare)]] = True
        kept = is_kept[product]
        self.shopper, self.product, self.second = [shopper[kept]], [product[kept]], [second[kept]]
        self.purchases = int(kept.sum())

    def _keep(self, shopper: Numbers, product: Numbers, second: Numbers) -> None:
        self.shopper.append(shopper)
        self.product.append(product)
        self.second.append(second)
        self.purchases += len(second)
        while self.purchases > MOST_PURCHASES and len(self.shoppers) > 1:
            self._halve()

    def _halve(self) -> None:
        self.halvings += 1
        shopper, product, second = map(np.concatenate, (self.shopper, self.product, self.second))
        is_drawn = np.array([not who.int & self.mask for who in self.shoppers])
        new = np.cumsum(is_drawn) - 1
        self.shoppers = {
            who: place for place, who in enumerate(w for w in self.shoppers if not w.int & self.mask)
        }
        kept = is_drawn[shopper]
        self.shopper, self.product, self.second = [new[shopper[kept]]], [product[kept]], [second[kept]]
        self.purchases = len(self.second[0])


@dataclass(frozen=True)
class Everybody:
    """All that the shop learns from."""

    histories: Histories
    one_in: int
    """One shopper of so many was read."""


def everybody(least: int) -> Everybody:
    """The purchases of all who allow it, in a transaction that only reads; the same whatever order rows come in.

    Args:
        least: how many shoppers must have bought what the catalogue does not know. Its id may be anything that one of
            them wrote, and what is learned is kept for longer than they may be.
    """
    found = Gathered()
    for rows in _rows():
        found.add(rows)
    found.forget_rare(least)
    return Everybody(_numbered(found), 1 << found.halvings)


def of_person(memory: Memory, products: list[str], index: Mapping[str, int]) -> Histories:
    """The purchases of one person; products that the shop has not learned of yet come behind those it has."""
    bought, place = memory.of(Signal.PURCHASE)
    names, number = np.unique(place, return_inverse=True)
    code = np.empty(len(names), np.int64)
    unknown: list[str] = []
    for each, row in enumerate(names.tolist()):
        sku = memory.products[row].product_id
        known = index.get(sku)
        code[each] = len(products) + len(unknown) if known is None else known
        if known is None:
            unknown.append(sku)
    shopper, second = np.zeros(len(bought), np.int64), bought["second"].astype(np.int64)
    return lined([""], [*products, *unknown] if unknown else products, shopper, code[number], second)


def lined(
    shoppers: list[str], products: list[str], shopper: Numbers, product: Numbers, second: Numbers
) -> Histories:
    """Purchases as histories; a product twice in an order counts once."""
    by_order = np.lexsort((product, second, shopper))
    shopper, product, second = shopper[by_order], product[by_order], second[by_order]
    is_first = _changes(shopper)
    is_order = is_first | _changes(second)
    is_line = is_order | _changes(product)
    place = np.cumsum(is_order) - 1
    begin = place[is_first]
    order = place - np.repeat(begin, np.diff(np.r_[np.flatnonzero(is_first), len(place)]))
    return Histories(
        shoppers, products, shopper[is_line], order[is_line], product[is_line], second[is_line] // DAY, True
    )


def _changes(values: Numbers) -> Any:
    """Whether each differs from the one before; the first does."""
    return np.r_[True, values[1:] != values[:-1]][: len(values)]


def _rows() -> Iterator[list[tuple[UUID, str, bytes]]]:
    connection.ensure_connection()
    with transaction.atomic(), psycopg.ServerCursor(connection.connection, "shop_history") as cursor:
        cursor.execute(PURCHASES, binary=True)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield rows


def _known(skus: list[str]) -> list[str]:
    """Those that the catalogue has."""
    return [sku for (sku,) in statements.fetch(KNOWN, [skus])]


def _numbered(found: Gathered) -> Histories:
    """With those shoppers and products numbered by name of whom a purchase is left."""
    if not found.purchases:
        nothing = np.zeros(0, np.int64)
        return lined([], [], nothing, nothing, nothing)
    shopper, product, second = map(np.concatenate, (found.shopper, found.product, found.second))
    shoppers, shopper = _by_name([str(who) for who in found.shoppers], shopper)
    products, product = _by_name(list(found.products), product)
    return lined(shoppers, products, shopper, product, second)


def _by_name(names: list[str], codes: Numbers) -> tuple[list[str], Numbers]:
    """The names that there is a code of, in order, and for each code its name's place among them."""
    ordered = sorted(np.unique(codes).tolist(), key=names.__getitem__)
    places = np.full(len(names), -1)
    places[ordered] = np.arange(len(ordered))
    return [names[code] for code in ordered], places[codes]
