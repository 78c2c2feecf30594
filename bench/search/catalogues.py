"""Real catalogues, brought into the shape that `load_catalogue` takes; every engine reads the same file."""

import csv
import gzip
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from leafloaf.catalog.reading import COLUMNS, Reader, Row

INSTACART = Path("instacart/catalogue.csv.gz")
OCADO = Path("ocado/catalogue_8920.csv.gz")
OCADO_SMALL = Path("ocado/catalogue_3000.csv")
FILES = {"instacart": INSTACART, "ocado": OCADO, "judged": OCADO}

# Brands of a million made-up products: a beginning and an end, 400 of them.
BEGINNINGS = (
    "Maple Harbour North Sunny Golden River Prairie Granite Willow Coast Ember Silver Juniper Cedar Lark Moss"
)
ENDS = "field|grove|wood|mill|farm|kitchen|valley|market|ridge|pantry|brook|hill|house|garden|bay|stone|lane|point"
SIZES = "100 g|250 g|500 g|1 kg|2 kg|250 ml|500 ml|1 L|2 L|4 x 125 ml|6 pack|12 pack|16 oz|1 lb"


@dataclass(frozen=True, slots=True)
class Product:
    """What the other engines index; `traits` is the rest that a shopper may ask for."""

    sku: str
    name: str
    brand: str
    category: str
    traits: str
    description: str

    @property
    def text(self) -> str:
        return " ".join((self.name, self.brand, self.category, self.traits, self.description))


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "rt", encoding="utf-8-sig", newline="") as lines:
        yield lines


def read(path: Path) -> list[Product]:
    """The good rows of a catalogue file, as the loader reads them."""
    with opened(path) as lines:
        return [product(row) for row in Reader(lines, currency="CAD") if isinstance(row, Row)]


def product(row: Row) -> Product:
    traits = " ".join((row.size, *row.dietary, *row.attributes.values()))
    return Product(row.sku, row.name, row.brand, row.category, traits, row.description)


def write(path: Path, rows: Iterable[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def cells(path: Path) -> Iterator[dict[str, str]]:
    with opened(path) as lines:
        yield from csv.DictReader(lines)


def instacart(data: Path) -> Iterator[dict[str, str]]:
    for row in cells(data / INSTACART):
        shelf = " > ".join((row["department"], row["aisle"])) if row["aisle"] != "missing" else ""
        yield {"sku": row["product_id"], "name": row["product_name"].replace('\\"', '"'), "category": shelf}


def ocado(data: Path, file: Path = OCADO) -> Iterator[dict[str, str]]:
    for row in cells(data / file):
        marks = [mark.strip() for mark in row.get("badge", "").split(",") if mark.strip()]
        marks += ["organic"] if row.get("is_organic") == "True" else []
        copied = {column: row[column] for column in ("name", "brand", "category", "price", "currency")}
        yield copied | {"sku": row["source_id"], "size": row["weight"], "dietary": "|".join(marks)}


def multiplied(rows: Iterable[dict[str, str]], count: int) -> Iterator[dict[str, str]]:
    """The rows as they are, then the same names again under made-up brands and in sizes, until there are enough."""
    real = list(rows)
    brands = [" ".join(pair) for pair in itertools.product(BEGINNINGS.split(), ENDS.title().split("|"))]
    sizes = SIZES.split("|")
    for place in range(count):
        row, turn = real[place % len(real)], place // len(real)
        if not turn:
            yield row
            continue
        brand, size = brands[(place * 31 + turn) % len(brands)], sizes[(place * 7 + turn) % len(sizes)]
        made = {
            "sku": f"{row['sku']}-{turn}",
            "name": f"{brand} {row['name']} {size}",
            "brand": brand,
            "size": size,
        }
        yield row | made


def judgements(path: Path) -> dict[str, dict[str, int]]:
    """Grades by query, from `query,sku,grade`."""
    found: dict[str, dict[str, int]] = {}
    for row in cells(path):
        found.setdefault(row["query"].strip(), {})[row["sku"].strip()] = int(row["grade"])
    return found
