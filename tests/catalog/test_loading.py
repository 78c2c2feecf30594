import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from leafloaf.catalog import loading
from leafloaf.catalog.models import Brand, Category, Offer, Product, Supplier
from leafloaf.catalog.reading import NotACatalogue
from leafloaf.catalog.search import search

Load = Callable[[str], loading.Report]
pytestmark = pytest.mark.django_db

HEADER = "sku,name,brand,category,price,currency,supplier,dietary,size,in_stock,description"
MILK = (
    'm-1,Lait 2%,Laiterie Nord,Dairy > Milk,5.99,cad,Nord inc.,organic|Vegan |organic,2 L,yes,"Fresh, cold"'
)


def run(path: Path) -> str:
    out = io.StringIO()
    call_command("load_catalogue", str(path), stdout=out)
    return out.getvalue()


def test_every_column_of_the_contract_is_kept(load: Load) -> None:
    report = load(f"{HEADER}\n{MILK}\n")
    assert (report.read, report.written, report.unchanged, report.rejected) == (1, 1, 0, [])
    product = Product.objects.select_related("brand", "category", "supplier", "offer").get()
    assert (product.sku, product.name, product.size) == ("m-1", "Lait 2%", "2 L")
    assert str(product.brand) == "Laiterie Nord"
    assert str(product.category) == "Dairy > Milk"
    assert str(product.supplier) == "Nord inc."
    assert product.dietary == ["organic", "vegan"]
    assert product.description == "Fresh, cold"
    assert (str(product.offer), product.offer.in_stock) == ("5.99 CAD", True)


def test_what_is_loaded_is_found(load: Load) -> None:
    load(f"{HEADER}\n{MILK}\n")
    assert [hit.sku for hit in search("laiterie lait").results] == ["m-1"]


def test_only_sku_and_name_are_required(load: Load) -> None:
    assert load("name,SKU\nQuinoa,q-1\n").written == 1
    offer = Offer.objects.get()
    assert (offer.price, offer.currency, offer.in_stock) == (None, "CAD", True)


def test_unknown_columns_are_kept_as_attributes(load: Load) -> None:
    load("sku,name,Origin,weight\nq-1,Quinoa,Bolivia,\n")
    assert Product.objects.get().attributes == {"Origin": "Bolivia"}


def test_a_second_load_of_the_same_file_writes_nothing(load: Load) -> None:
    text = f"{HEADER}\n{MILK}\nb-1,Bread,,,,,,,,,\n"
    assert load(text).written == 2
    before = row_versions()
    report = load(text)
    assert (report.read, report.written, report.unchanged) == (2, 0, 2)
    assert row_versions() == before


def row_versions() -> list[tuple[str, ...]]:
    tables = ("product", "offer", "productsearch", "brand", "category", "supplier")
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{t}', ctid::text, xmin::text, xmax::text FROM catalog_{t}" for t in tables
            )
        )
        return sorted(cursor.fetchall())


def test_a_changed_price_writes_that_product_only_and_no_search_row(load: Load) -> None:
    load("sku,name,price\na,Apple,1.00\nb,Banana,2.00\n")
    searched = [row for row in row_versions() if row[0] in ("product", "productsearch")]
    report = load("sku,name,price\na,Apple,1.10\nb,Banana,2.00\n")
    assert (report.written, report.unchanged) == (1, 1)
    assert [row for row in row_versions() if row[0] in ("product", "productsearch")] == searched


def test_an_absent_column_leaves_what_is_there_and_an_empty_cell_empties_it(load: Load) -> None:
    load("sku,name,brand,price,size,colour\na,Apple,Nord,1.00,1 kg,red\n")
    assert load("sku,name\na,Apple\n").unchanged == 1
    load("sku,name,brand,price,size\na,Apple,,,\n")
    product = Product.objects.get()
    assert (product.brand, product.offer.price, product.size) == (None, None, "")
    assert product.attributes == {"colour": "red"}


def test_names_are_made_once(load: Load) -> None:
    load("sku,name,brand,supplier,category\na,A,Nord,S,X > Y\nb,B,Nord,S,X > Z\nc,C,Nord,S,X\n")
    assert (Brand.objects.count(), Supplier.objects.count()) == (1, 1)
    assert set(Category.objects.values_list("path", flat=True)) == {"X", "X > Y", "X > Z"}


BAD_ROWS = [
    (",No sku,1", "sku is missing"),
    ("x, ,1", "name is missing"),
    ("x,X,cheap", "price is not a number: cheap"),
    ("x,X,NaN", "price is not a number: NaN"),
    ("x,X,1_0", "price is not a number: 1_0"),
    ("x,X,-1", "price is negative: -1"),
    ("x,X,100000000", "price is too large: 100000000"),
    ("good,Again,1", "sku good stands on line 2 already"),
    ("x,X", "2 cells where the header has 3"),
    ("x,X,1,2", "4 cells where the header has 3"),
    ("x,X\0Y,1", "name has a NUL character in it"),
    (f"{'x' * 65},X,1", "sku is too long: 65 characters, at most 64"),
    (f"x,{'X' * 200_000},1", "field larger than field limit (131072)"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS, ids=[reason for _, reason in BAD_ROWS])
def test_a_bad_row_is_rejected_with_its_line_and_never_stops_the_rest(
    load: Load, row: str, reason: str
) -> None:
    report = load(f"sku,name,price\ngood,Good,1\n{row}\nlast,Last,2\n")
    assert report.rejected == [(3, reason)]
    assert (report.read, report.written) == (3, 2)


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("in_stock", "perhaps", "in_stock is not true or false: perhaps"),
        ("currency", "dollars", "currency is not a code of three letters: dollars"),
        ("category", "Dairy > > Milk", "category has an empty level: Dairy > > Milk"),
        ("dietary", "x" * 65, "dietary has a mark of more than 64 characters"),
    ],
)
def test_a_wrong_cell_is_named(load: Load, column: str, cell: str, reason: str) -> None:
    assert load(f"sku,name,{column}\na,A,{cell}\n").rejected == [(2, reason)]


@pytest.mark.parametrize(
    ("word", "in_stock"),
    [("", True), ("TRUE", True), ("oui", True), ("0", False), ("No", False), ("f", False)],
)
def test_stock_is_said_in_many_words(load: Load, word: str, in_stock: bool) -> None:
    load(f"sku,name,in_stock\na,A,{word}\n")
    assert Offer.objects.get().in_stock is in_stock


def test_line_numbers_are_those_of_the_file_also_after_quoted_line_breaks(load: Load) -> None:
    report = load('sku,name,description\na,A,"one\ntwo\nthree"\n\n,missing,x\n')
    assert report.rejected == [(6, "sku is missing")]
    assert report.read == 2


def test_a_price_is_rounded_to_the_cent(load: Load) -> None:
    load("sku,name,price\na,A,1.005\nb,B,.5\nc,C,-0\n")
    assert [str(p) for p in Offer.objects.order_by("product__sku").values_list("price", flat=True)] == [
        "1.01",
        "0.50",
        "0.00",
    ]


def test_many_chunks_are_one_report(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK", 3)
    heard: list[int] = []
    text = "sku,name\n" + "".join(f"s{n},Name {n}\n" for n in range(8))
    report = loading.load(text.splitlines(keepends=True), progress=heard.append)
    assert (report.read, report.written, heard) == (8, 8, [3, 6, 8])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header"),
        (
            b"product_id,product_name\n1,A\n",
            "Missing columns: sku, name. The header has: product_id, product_name",
        ),
        (b"sku,name,sku\n", "named twice"),
        (b"sku,name,\n", "no name"),
        ("sku,name\n1,A\n".encode("utf-16"), "Not UTF-8"),
        ("sku,name\n1,Crème\n".encode("latin-1"), "Not UTF-8"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "catalogue.csv"
    file.write_bytes(content)
    with pytest.raises(CommandError, match=message):
        run(file)
    assert not Product.objects.exists()


@pytest.mark.parametrize("name", ["missing.csv", "missing.csv.gz", "."])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match="Cannot read"):
        run(tmp_path / name)


def test_a_damaged_gz_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.csv.gz"
    file.write_bytes(gzip.compress(b"sku,name\n" + b"x" * 1000)[:-12])
    with pytest.raises(CommandError, match="Cannot read"):
        run(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_files_are_read_with_or_without_mark_and_gzip(tmp_path: Path, encoding: str, suffix: str) -> None:
    content = f"{HEADER}\r\n{MILK}\r\n".encode(encoding)
    file = tmp_path / f"catalogue.{suffix}"
    file.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    assert run(file) == "1 rows read, 1 written, 0 unchanged, 0 rejected\n"


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"sku,name\na,Apple\n")))
    assert loading.load_file("-").written == 1


def test_the_command_lists_the_first_twenty_rejected_rows(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.csv"
    file.write_text("sku,name\n" + ",nameless\n" * 25 + "a,Apple\n")
    told = run(file).splitlines()
    assert told[0] == "26 rows read, 1 written, 0 unchanged, 25 rejected"
    assert told[1] == "  line 2: sku is missing"
    assert len(told) == 22
    assert told[-1] == "  and 5 more"


def test_the_demo_catalogue_loads_whole_and_is_found() -> None:
    report = loading.load_file(Path(loading.__file__).parent / "demo" / "catalogue.csv")
    assert report.rejected == []
    assert report.written >= 600
    assert search("organic milk").total > 0
    assert search("pates").total > 0


def test_the_real_bigbasket_catalogue_loads_whole(data_dir: Path) -> None:
    report = loading.load_file(data_dir / "bigbasket_orders" / "catalogue.csv")
    assert report.rejected == []
    assert report.written == report.read == Product.objects.count() == 636
    assert loading.load_file(data_dir / "bigbasket_orders" / "catalogue.csv").unchanged == 636


def test_the_real_ocado_catalogue_loads_once_its_key_is_called_sku(data_dir: Path) -> None:
    with open(data_dir / "ocado" / "catalogue_3000.csv", encoding="utf-8", newline="") as file:
        lines = file.readlines()
    with pytest.raises(NotACatalogue, match="Missing columns: sku"):
        loading.load(lines)
    report = loading.load([lines[0].replace("source_id", "sku"), *lines[1:]])
    assert (report.read, report.written, report.rejected) == (
        len(list(csv.reader(lines))) - 1,
        report.read,
        [],
    )
    assert Offer.objects.filter(currency="GBP", price__isnull=False).count() == report.read
    assert search("hovis bread").total > 0


def test_the_real_instacart_catalogue_is_told_which_columns_it_lacks(data_dir: Path) -> None:
    with pytest.raises(NotACatalogue, match="Missing columns: sku, name"):
        loading.load_file(data_dir / "instacart" / "catalogue.csv.gz")
