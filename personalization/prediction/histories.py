"""Order histories from a CSV of `user,order_id,day,product`, as arrays: the same whatever order the file is in.

Shoppers and products are numbered by name, so that nothing learned depends on who stands first in the file. Orders of a
shopper go by day, those of one day by appearance; without days, by appearance alone.
"""

import csv
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
COLUMNS = ("user", "order_id", "product")
MOST_DAYS = 10**7


class NotAHistory(ValueError):
    """The file has not the columns of a history."""


@dataclass(frozen=True)
class Histories:
    """One line a product of an order, by shopper and order; days count from year 1, or are the file's own numbers."""

    shoppers: list[str]
    products: list[str]
    shopper: Numbers
    order: Numbers
    """The number of the order within its shopper's orders, from 0."""
    product: Numbers
    day: Numbers
    is_dated: bool
    is_iso: bool = False
    """The days were dates, not numbers."""

    @property
    def orders(self) -> Numbers:
        """How many orders each shopper has made."""
        made = np.zeros(len(self.shoppers), np.int64)
        np.maximum.at(made, self.shopper, self.order + 1)
        return made

    def only(self, lines: npt.NDArray[np.bool_]) -> "Histories":
        """Fewer lines of the same shoppers and products."""
        return replace(
            self,
            shopper=self.shopper[lines],
            order=self.order[lines],
            product=self.product[lines],
            day=self.day[lines],
        )


@dataclass
class Reading:
    """What was read, and the lines that could not be, with the reason."""

    rows: list[tuple[str, str, str, int | None]] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    is_iso: bool | None = None


def opened(path: Path) -> TextIO:
    """A text file, unpacked when its name ends in .gz."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def read(path: Path) -> tuple[Histories, list[tuple[int, str]]]:
    """The histories of a file, and (line number, reason) for each row that is not part of them.

    Raises:
        NotAHistory: a column is missing.
    """
    with opened(path) as file:
        reading = _rows(csv.DictReader(file))
    return replace(arranged(reading.rows), is_iso=bool(reading.is_iso)), reading.rejected


def rows_of(reader: "csv.DictReader[str]", columns: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a file that has these columns.

    Raises:
        NotAHistory: it has not, or is no CSV at all.
    """
    if missing := set(columns) - set(reader.fieldnames or ()):
        raise NotAHistory(f"The file has no column {', '.join(sorted(missing))}.")
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise NotAHistory(f"Line {reader.line_num}: {error}") from error
        yield reader.line_num, row


def day_number(text: str) -> int:
    """An ISO date as days since year 1, a whole number as it is.

    Raises:
        ValueError: it is neither.
    """
    if is_date(text):
        return date.fromisoformat(text[:10]).toordinal()
    if abs(number := int(text)) > MOST_DAYS:
        raise ValueError("more days than there are")
    return number


def is_date(text: str) -> bool:
    """Written with dashes, which a number has not but for its sign."""
    return "-" in text[1:]


def day_text(number: int, is_iso: bool) -> str | int:
    return date.fromordinal(min(number, date.max.toordinal())).isoformat() if is_iso else number


def _rows(reader: "csv.DictReader[str]") -> Reading:
    reading = Reading()
    for line, row in rows_of(reader, COLUMNS):
        values = [(row[name] or "").strip() for name in COLUMNS]
        if absent := [name for name, value in zip(COLUMNS, values, strict=True) if not value]:
            reading.rejected.append((line, f"no {', '.join(absent)}"))
            continue
        try:
            day = _day(row, reading)
        except ValueError as error:
            reading.rejected.append((line, str(error)))
            continue
        reading.rows.append((values[0], values[1], values[2], day))
    return reading


def _day(row: dict[str, str], reading: Reading) -> int | None:
    """The day of a row, in the form that the file's first day has.

    Raises:
        ValueError: it has another, or is no day.
    """
    text = (row.get("day") or "").strip()
    if not text:
        return None
    try:
        number = day_number(text)
    except ValueError as error:
        raise ValueError(f"day {text[:40]!r} is neither an ISO date nor a whole number") from error
    if reading.is_iso is None:
        reading.is_iso = is_date(text)
    if reading.is_iso != is_date(text):
        raise ValueError(f"day {text[:40]!r} is not of the same form as those before it")
    return number


def arranged(rows: list[tuple[str, str, str, int | None]]) -> Histories:
    """Rows of (user, order, product, day or none) as histories; a product twice in an order counts once."""
    shoppers, products = sorted({row[0] for row in rows}), sorted({row[2] for row in rows})
    of_shopper = {name: code for code, name in enumerate(shoppers)}
    of_product = {name: code for code, name in enumerate(products)}
    orders: dict[tuple[int, str], int] = {}
    days: list[int] = []
    lines = np.empty((len(rows), 3), np.int64)
    for place, (user, order, product, day) in enumerate(rows):
        who = of_shopper[user]
        number = orders.setdefault((who, order), len(orders))
        if number == len(days):
            days.append(_UNKNOWN if day is None else day)
        elif day is not None:
            days[number] = day if days[number] == _UNKNOWN else min(days[number], day)
        lines[place] = who, number, of_product[product]
    owner = np.fromiter((who for who, _ in orders), np.int64, len(orders))
    return _numbered(shoppers, products, lines, owner, np.array(days, np.int64))


_UNKNOWN = np.iinfo(np.int64).min


def _numbered(
    shoppers: list[str], products: list[str], lines: Numbers, owner: Numbers, days: Numbers
) -> Histories:
    is_dated = bool((days != _UNKNOWN).any())
    if is_dated:
        _fill(owner, days)
    by_time = np.lexsort((np.arange(len(days)), days, owner))
    starts = np.searchsorted(owner[by_time], np.arange(len(shoppers)))
    number = np.empty_like(owner)
    number[by_time] = np.arange(len(owner)) - starts[owner[by_time]]
    lines = np.unique(np.column_stack((lines[:, 0], number[lines[:, 1]], lines[:, 2], lines[:, 1])), axis=0)
    shopper, order, product = (np.ascontiguousarray(lines[:, place]) for place in range(3))
    return Histories(
        shoppers, products, shopper, order, product, days[lines[:, 3]] if is_dated else order, is_dated
    )


def _fill(owner: Numbers, days: Numbers) -> None:
    """An order without a day took place on the day of the shopper's order before it in the file, else the one after."""
    for direction in (slice(None), slice(None, None, -1)):
        seen: dict[int, int] = {}
        who, when = owner[direction], days[direction]
        for place in range(len(when)):
            if when[place] == _UNKNOWN:
                when[place] = seen.get(int(who[place]), _UNKNOWN)
            else:
                seen[int(who[place])] = int(when[place])
    unknown = days == _UNKNOWN
    days[unknown] = days[~unknown].min()


def queries(path: Path) -> tuple[dict[str, list[str]], list[tuple[int, str]]]:
    """The products of each query of a CSV of `query,product`, and the rows that are none.

    Raises:
        NotAHistory: a column is missing.
    """
    asked: dict[str, list[str]] = {}
    rejected = []
    with opened(path) as file:
        for line, row in rows_of(csv.DictReader(file), ("query", "product")):
            query, product = ((row[name] or "").strip() for name in ("query", "product"))
            if query and product:
                asked.setdefault(query, []).append(product)
            else:
                rejected.append((line, "no query" if not query else "no product"))
    return asked, rejected
