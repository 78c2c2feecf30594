"""A catalogue file as rows: what is in it, and what is wrong with it, line by line. Knows no database."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

REQUIRED = ("sku", "name")
COLUMNS = (
    *REQUIRED,
    "brand",
    "category",
    "price",
    "currency",
    "supplier",
    "dietary",
    "size",
    "in_stock",
    "description",
)
LONGEST = {"sku": 64, "name": 300, "brand": 200, "supplier": 200, "category": 500, "size": 100}
LONGEST_OTHER = 20_000
LONGEST_LEVEL = 200
LONGEST_MARK = 64
HIGHEST_PRICE = Decimal("99999999.99")
NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20}")
YES = frozenset({"true", "t", "yes", "y", "1", "on", "oui", "vrai"})
NO = frozenset({"false", "f", "no", "n", "0", "off", "non", "faux"})


class NotACatalogue(Exception):
    """The file as a whole cannot be read; the message says why."""


class BadRow(Exception):
    """This row cannot be taken; the message says why."""


class Rejection(NamedTuple):
    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One product as the file says it; an empty text or None stands where the cell is empty."""

    sku: str
    name: str
    brand: str
    category: str
    price: Decimal | None
    currency: str
    supplier: str
    dietary: list[str]
    size: str
    in_stock: bool
    description: str
    attributes: dict[str, str]


class Reader:
    """Iterates over good rows and rejections; `columns` are those of the file."""

    def __init__(self, lines: Iterable[str], *, currency: str) -> None:
        self._cells = csv.reader(lines)
        self._currency = currency
        self._lines_of: dict[str, int] = {}
        self.columns = self._header()

    def __iter__(self) -> Iterator[Row | Rejection]:
        while True:
            line = self._cells.line_num + 1
            try:
                cells = next(self._cells)
                if cells:
                    yield self._row(cells, line)
            except StopIteration:
                return
            except UnicodeDecodeError as error:
                raise _not_utf8(line) from error
            except (BadRow, csv.Error) as error:
                yield Rejection(line, str(error))

    def _header(self) -> list[str]:
        try:
            cells = next(self._cells, [])
        except UnicodeDecodeError as error:
            raise _not_utf8(1) from error
        except csv.Error as error:
            raise NotACatalogue(f"The header cannot be read: {error}.") from error
        columns = [_column(cell) for cell in cells]
        _check_header(columns)
        return columns

    def _row(self, cells: list[str], line: int) -> Row:
        if len(cells) != len(self.columns):
            raise BadRow(f"{len(cells)} cells where the header has {len(self.columns)}")
        row = _parse(dict(zip(self.columns, cells, strict=True)), self._currency)
        first = self._lines_of.setdefault(row.sku, line)
        if first != line:
            raise BadRow(f"sku {row.sku} stands on line {first} already")
        return row


def _not_utf8(line: int) -> NotACatalogue:
    return NotACatalogue(f"Not UTF-8 text at or after line {line}. Save the file as UTF-8 and load it again.")


def _column(cell: str) -> str:
    """Our columns are known in any case; another column keeps the name it has."""
    name = cell.strip()
    return name.lower() if name.lower() in COLUMNS else name


def _check_header(columns: list[str]) -> None:
    if not any(columns):
        raise NotACatalogue("The file has no header: its first line must name the columns.")
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        found = ", ".join(columns)[:300].replace("\0", "")
        raise NotACatalogue(f"Missing columns: {', '.join(missing)}. The header has: {found}.")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise NotACatalogue(f"Columns named twice or not at all: {', '.join(map(repr, twice))}.")
    if any(not name or "\0" in name for name in columns):
        raise NotACatalogue("A column of the header has no name, or a NUL character in it.")


def _parse(cells: dict[str, str], currency: str) -> Row:
    values = {column: _checked(column, cell) for column, cell in cells.items()}
    for column in REQUIRED:
        if not values[column]:
            raise BadRow(f"{column} is missing")
    return Row(
        sku=values["sku"],
        name=values["name"],
        brand=values.get("brand", ""),
        category=_category(values.get("category", "")),
        price=_price(values.get("price", "")),
        currency=_currency(values.get("currency", "")) or currency,
        supplier=values.get("supplier", ""),
        dietary=_dietary(values.get("dietary", "")),
        size=values.get("size", ""),
        in_stock=_in_stock(values.get("in_stock", "")),
        description=values.get("description", ""),
        attributes={name: value for name, value in values.items() if value and name not in COLUMNS},
    )


def _checked(column: str, cell: str) -> str:
    if "\0" in cell:
        raise BadRow(f"{column} has a NUL character in it")
    value = cell.strip()
    longest = LONGEST.get(column, LONGEST_OTHER)
    if len(value) > longest:
        raise BadRow(f"{column} is too long: {len(value)} characters, at most {longest}")
    return value


def _category(path: str) -> str:
    if not path:
        return ""
    levels = [level.strip() for level in path.split(">")]
    if not all(levels):
        raise BadRow(f"category has an empty level: {path[:80]}")
    if max(map(len, levels)) > LONGEST_LEVEL:
        raise BadRow(f"category has a level of more than {LONGEST_LEVEL} characters")
    return " > ".join(levels)


def _price(text: str) -> Decimal | None:
    if not text:
        return None
    if not NUMBER.fullmatch(text):
        raise BadRow(f"price is not a number: {text[:40]}")
    price = Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP)
    if price.is_signed() and Decimal(text):
        raise BadRow(f"price is negative: {text[:40]}")
    if price > HIGHEST_PRICE:
        raise BadRow(f"price is too large: {text[:40]}")
    return abs(price)


def _currency(text: str) -> str:
    if text and not re.fullmatch("[A-Za-z]{3}", text):
        raise BadRow(f"currency is not a code of three letters: {text[:40]}")
    return text.upper()


def _dietary(text: str) -> list[str]:
    marks = list(dict.fromkeys(mark.strip().lower() for mark in text.split("|") if mark.strip()))
    if any(len(mark) > LONGEST_MARK for mark in marks):
        raise BadRow(f"dietary has a mark of more than {LONGEST_MARK} characters")
    return marks


def _in_stock(text: str) -> bool:
    word = text.lower()
    if word and word not in YES | NO:
        raise BadRow(f"in_stock is not true or false: {text[:40]}")
    return word not in NO
