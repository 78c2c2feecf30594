"""Signals with their times, packed: what is remembered of a person and a product is a row of these and nothing else.

A mark is 8 bytes, so that Postgres appends one by `||` and numpy reads them all at once: the signal, a spare byte, the
quantity in hundredths, the second since 1970. A price paid is 8 bytes too: the second, the price in hundredths.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import IntEnum

import numpy as np
import numpy.typing as npt


class Signal(IntEnum):
    """What a mark says. The numbers are stored: a new one goes to the end."""

    VIEW = 0
    CLICK = 1
    CART = 2
    PURCHASE = 3
    REMOVED = 4
    DISLIKED = 5


MARK = np.dtype([("signal", "u1"), ("spare", "u1"), ("quantity", ">u2"), ("second", ">u4")])
PAID = np.dtype([("second", ">u4"), ("price", ">u4")])
BYTES = MARK.itemsize
HUNDREDTHS = 100
MOST_QUANTITY, MOST_SECOND = 2**16 - 1, 2**32 - 1

Marks = npt.NDArray[np.void]


def number(signal: Signal, at: datetime, quantity: Decimal | None = None) -> int:
    """A mark as the number whose big-endian bytes it is. What is larger than fits is kept as the largest that does."""
    hundredths = min(round(quantity * HUNDREDTHS), MOST_QUANTITY) if quantity else 0
    return int(signal) << 56 | hundredths << 32 | second(at)


def paid_number(at: datetime, price: Decimal) -> int:
    """A price paid, likewise; negative where its first bit is set, as Postgres' bigint is."""
    return (second(at) << 32 | min(round(price * HUNDREDTHS), MOST_SECOND)) - (second(at) >> 31 << 64)


def second(at: datetime) -> int:
    return min(max(int(at.timestamp()), 0), MOST_SECOND)


def marks(packed: bytes) -> Marks:
    """The marks of one product, in the order they came in."""
    return np.frombuffer(packed, MARK)


def paid(packed: bytes) -> Marks:
    return np.frombuffer(packed, PAID)


def joined(packed: Iterable[bytes]) -> tuple[Marks, npt.NDArray[np.int64]]:
    """The marks of many products one after another, and for each mark the place of its product."""
    rows = list(packed)
    sizes = [len(row) // BYTES for row in rows]
    return marks(b"".join(rows)), np.repeat(np.arange(len(rows)), sizes)
