"""What was learned as bytes, and back: numbers and names with a checksum, and nothing that could be run.

What comes back is checked, so that a request can rely on it. Tables of neighbours go without the zeros that fill
their rows.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from personalization.prediction import cadence, evidence
from personalization.prediction.associations import Associations
from personalization.prediction.calibration import Calibration
from personalization.prediction.cooccurrence import Neighbours, runs
from personalization.prediction.histories import Numbers
from personalization.prediction.logistic import Weights
from personalization.prediction.next_basket import BasketWeights
from personalization.prediction.product_statistics import Products
from personalization.prediction.reorder_training import HORIZONS, ReorderWeights

FORM = 1
"""Another number after each change of what is packed or of what it means."""


class Broken(ValueError):
    """The bytes are not what was learned, or were packed by a release that meant something else by them."""


@dataclass(frozen=True)
class Content:
    """What the shop has learned; weights are None where the closed form answers."""

    products: list[str]
    statistics: Products
    tables: Associations
    basket_weights: BasketWeights | None
    reorder_weights: ReorderWeights | None


class Rows(msgspec.Struct, array_like=True):
    """A table of neighbours: how many each product has, and all of them one after another."""

    size: Numbers
    product: npt.NDArray[np.int32]
    similarity: npt.NDArray[np.float32]


class Packed(msgspec.Struct, array_like=True):
    form: int
    products: list[str]
    statistics: Products
    tables: tuple[Rows, Rows, Rows]
    basket_weights: BasketWeights | None
    reorder_weights: ReorderWeights | None


class Form(msgspec.Struct, array_like=True):
    """As much as every form begins with."""

    form: int


def packed(content: Content) -> bytes:
    tables = content.tables
    rows = _rows(tables.alike), _rows(tables.basket), _rows(tables.following)
    weights = content.basket_weights, content.reorder_weights
    made = Packed(FORM, content.products, content.statistics, rows, *weights)
    return zlib.compress(msgspec.msgpack.encode(made, enc_hook=_bytes_of), 1)


def unpacked(data: bytes) -> Content:
    """What was packed.

    Raises:
        Broken: it cannot be relied on.
    """
    try:
        plain = zlib.decompress(data)
        form = msgspec.msgpack.decode(plain, type=Form).form
        if form != FORM:
            raise Broken(f"It is of form {form}; this release reads form {FORM}.")
        found = msgspec.msgpack.decode(plain, type=Packed, dec_hook=_array_of)
    except (zlib.error, msgspec.DecodeError) as error:
        raise Broken(f"It cannot be read: {error}.") from error
    if fault := next(_faults(found), None):
        raise Broken(f"It is not sound: {fault}.")
    count = len(found.products)
    tables = Associations(*(_neighbours(rows, count) for rows in found.tables))
    return Content(found.products, found.statistics, tables, found.basket_weights, found.reorder_weights)


def _bytes_of(value: Any) -> bytes:
    return np.ascontiguousarray(value).tobytes()


def _array_of(kind: Any, value: Any) -> npt.NDArray[Any]:
    """An array of the type that the field is declared with."""
    (number,) = get_args(get_args(kind)[1])
    return np.frombuffer(value, number)


def _rows(table: Neighbours) -> Rows:
    told = table.similarity > 0
    return Rows(told.sum(axis=1), table.product[told], table.similarity[told])


def _neighbours(rows: Rows, products: int) -> Neighbours:
    shape = (products, int(rows.size.max(initial=0)))
    found = Neighbours(np.zeros(shape, np.int32), np.zeros(shape, np.float32))
    place = np.repeat(np.arange(products), rows.size), runs(np.zeros_like(rows.size), rows.size)
    found.product[place], found.similarity[place] = rows.product, rows.similarity
    return found


def _faults(found: Packed) -> Iterator[str]:
    count, about = len(found.products), found.statistics
    if len(set(found.products)) != count:
        yield "a product is listed twice"
    values = about.purchases, about.shoppers, about.rate, about.popularity, about.trend
    if not all(len(one) == count and np.isfinite(one).all() for one in values):
        yield "the statistics are not one finite value a product"
    if not (0 < about.shop_rate < 1 and about.everyone > 0 and (about.rate > 0).all()):
        yield "the statistics hold a rate that is none"
    if not all(_is_table(rows, count) for rows in found.tables):
        yield "a table names products that are not listed"
    baskets, reorders = found.basket_weights, found.reorder_weights
    if baskets and not (_fit(baskets.own, evidence.OWN) and _fit(baskets.new, evidence.NEW)):
        yield "the basket weights are not those of this release's features"
    if reorders and not _is_reorders(reorders):
        yield "the reorder weights are not those of this release's features"


def _is_table(rows: Rows, products: int) -> bool:
    sizes = len(rows.size) == products and (rows.size >= 0).all() and rows.size.sum() == len(rows.product)
    codes = len(rows.product) == len(rows.similarity) and (rows.product >= 0).all()
    return bool(sizes and codes and (rows.product < products).all() and np.isfinite(rows.similarity).all())


def _fit(weights: Weights, names: tuple[str, ...]) -> bool:
    values = np.r_[weights.intercept, weights.weights, weights.usual]
    return weights.names == names and len(values) == 2 * len(names) + 1 and bool(np.isfinite(values).all())


def _is_reorders(weights: ReorderWeights) -> bool:
    chances = [*weights.within.values(), weights.by_then]
    lines = [weights.wait, *(chance.weights for chance in chances)]
    return (
        set(weights.within) == set(HORIZONS)
        and all(_fit(line, cadence.NAMES) for line in lines)
        and _rises(weights.wait_in_days, np.inf)
        and all(_rises(chance.calibration, 1.0) for chance in chances)
    )


def _rises(points: Calibration, most: float) -> bool:
    values = np.r_[points.score, points.value]
    is_whole = len(points.score) == len(points.value) > 0 and bool(np.isfinite(values).all())
    return is_whole and bool(
        (np.diff(points.score) >= 0).all() and points.value.min() >= 0 and points.value.max() <= most
    )
