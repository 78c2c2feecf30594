"""The demo catalogue is written by hand; these checks find what a tired hand gets wrong."""

import csv
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

CATALOGUE = Path(__file__).parents[2] / "leafloaf" / "catalog" / "demo" / "catalogue.csv"
COLUMNS = [
    "sku", "name", "brand", "category", "price", "currency", "supplier", "dietary", "size", "in_stock",
    "description",
]  # fmt: skip
DIETARY = {
    "organic", "vegan", "vegetarian", "gluten-free", "lactose-free", "kosher", "halal", "fair-trade",
    "no-added-sugar", "low-sodium", "nut-free",
}  # fmt: skip
DEAREST = {
    "Baby": 50, "Bakery": 15, "Beverages": 25, "Breakfast": 20, "Dairy": 15, "Dairy Alternatives": 10,
    "Fish & Seafood": 30, "Frozen": 18, "Household": 20, "Meat & Poultry": 45, "Pantry": 20,
    "Personal Care": 18, "Pets": 45, "Plant-Based Protein": 13, "Produce": 10, "Snacks": 13,
}  # fmt: skip
NOT_FOOD = {"Household", "Personal Care", "Pets"}
ANIMAL_AISLES = {"Dairy", "Meat & Poultry", "Fish & Seafood"}
ANIMAL = re.compile(
    r"\b(milk|lait|cheese|fromage|cheddar|cream|crème|butter|beurre|yogurt|yogourt|eggs?|œufs?|honey|miel|"
    r"chicken|poulet|beef|bœuf|pork|porc|ham|jambon|bacon|fish|salmon|tuna|thon|shrimp|anchovy)\b",
    re.IGNORECASE,
)
# Names that borrow an animal's word for something grown: coconut milk, maple butter, creamed corn.
PLANT_SENSE = re.compile(
    r"\b(coconut|coco|soy|almond|cashew|oat|maple|seed|vegan|plant-based|style|végétale?|d'arachide|maïs)\b",
    re.IGNORECASE,
)
GLUTEN = re.compile(
    r"\b(wheat|blé(?! d'inde)|rye|seigle|barley|orge|spelt|épeautre|bulgur|couscous|seitan|matzo|spaghetti|"
    r"penne|macaroni|linguine|fusilli|fettuccine|lasagn[ae]|gnocchi|naan|pita|lavash|bagels?|baguettes?|"
    r"croissants?|crackers|cookies|biscuits?|beer|lager|ale|stout)\b",
    re.IGNORECASE,
)
SAYS_GLUTEN_FREE = re.compile(r"gluten-free|sans gluten|^corn tortillas$", re.IGNORECASE)
FLESH = re.compile(
    r"\b(chicken(?! sauce)|poulet|beef|bœuf|viande|turkey|lamb|salmon|saumon|tuna|thon|pepperoni|"
    r"pork|porc|bacon|ham)\b",
    re.IGNORECASE,
)
PORK = re.compile(r"\b(pork|porc|bacon|ham|prosciutto|chorizo)\b", re.IGNORECASE)
SHELLFISH = re.compile(r"\b(shrimp|crevettes|mussels|scallops|homard|oysters?)\b", re.IGNORECASE)
NUTS = re.compile(
    r"\b(almonds?|cashews?|walnuts?|pecans?|pacanes|nuts|hazelnuts?|peanuts?|noix)\b", re.IGNORECASE
)
FRENCH_WORD = re.compile(
    r"\b(?:le|la|les|un|une|des|du|de|et|au|aux|pour|avec|sans|dans|en|qui|elle|il)\b|\b[dl]'", re.IGNORECASE
)

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with CATALOGUE.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def aisle(row: Row) -> str:
    return row["category"].split(" > ")[0]


def marks(row: Row) -> list[str]:
    return row["dietary"].split("|") if row["dietary"] else []


def marked(rows: list[Row], mark: str) -> list[Row]:
    return [row for row in rows if mark in marks(row)]


def names(rows: list[Row]) -> list[str]:
    return [f"{row['sku']}: {row['name']}" for row in rows]


def is_french(row: Row) -> bool:
    return len(FRENCH_WORD.findall(row["description"])) >= 2


def repeated(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def test_the_file_is_plain_utf8_with_the_columns_of_the_contract() -> None:
    raw = CATALOGUE.read_bytes()
    assert raw.decode("utf-8").splitlines()[0].split(",") == COLUMNS
    assert b"\r" not in raw
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert raw.endswith(b"\n")


def test_there_are_enough_products_and_no_row_is_ragged(rows: list[Row]) -> None:
    assert len(rows) >= 650
    assert [row for row in rows if list(row) != COLUMNS or None in row.values()] == []


def test_no_field_has_stray_spaces(rows: list[Row]) -> None:
    assert [value for row in rows for value in row.values() if value != " ".join(value.split())] == []


def test_rows_are_sorted_by_category_then_name(rows: list[Row]) -> None:
    keys = [(row["category"], row["name"], row["sku"]) for row in rows]
    assert keys == sorted(keys)


def test_skus_are_readable_and_unique(rows: list[Row]) -> None:
    skus = [row["sku"] for row in rows]
    assert repeated(skus) == []
    assert [sku for sku in skus if not re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+)+", sku) or len(sku) > 64] == []


def test_no_product_stands_twice_under_different_skus(rows: list[Row]) -> None:
    assert repeated([f"{row['brand']} {row['name']} {row['size']}".casefold() for row in rows]) == []


@pytest.mark.parametrize("column", ["name", "brand", "supplier", "size", "description"])
def test_every_product_fills_the_column(rows: list[Row], column: str) -> None:
    assert names([row for row in rows if not row[column]]) == []


def test_a_credible_number_of_brands_and_suppliers(rows: list[Row]) -> None:
    assert len({row["brand"] for row in rows}) >= 100
    assert 15 <= len({row["supplier"] for row in rows}) <= 25


def test_categories_form_a_shallow_tree(rows: list[Row]) -> None:
    paths = {row["category"] for row in rows}
    assert {len(path.split(" > ")) for path in paths} <= {2, 3}
    assert 12 <= len({path.split(" > ")[0] for path in paths}) <= 16
    assert 60 <= len(paths) <= 90
    assert [path for path in paths if any(other.startswith(f"{path} > ") for other in paths)] == []


def test_no_shelf_is_nearly_empty(rows: list[Row]) -> None:
    shelves = Counter(row["category"] for row in rows)
    assert [shelf for shelf, count in shelves.items() if count < 3] == []


def test_prices_are_canadian_dollars_plausible_for_the_aisle(rows: list[Row]) -> None:
    assert {row["currency"] for row in rows} == {"CAD"}
    assert [row["price"] for row in rows if not re.fullmatch(r"\d+\.\d\d", row["price"])] == []
    dear = [row for row in rows if not Decimal("0.89") <= Decimal(row["price"]) <= DEAREST[aisle(row)]]
    assert names(dear) == []


def test_a_larger_size_of_the_same_product_costs_more(rows: list[Row]) -> None:
    sizes: dict[tuple[str, ...], list[tuple[Decimal, Decimal]]] = {}
    for row in rows:
        amount, unit = row["size"].split(" ", 1)
        key = (row["brand"], row["name"], unit)
        sizes.setdefault(key, []).append((Decimal(amount), Decimal(row["price"])))
    prices = {key: [price for _, price in sorted(offers)] for key, offers in sizes.items()}
    assert [key for key, ascending in prices.items() if ascending != sorted(ascending)] == []


def test_sizes_are_an_amount_and_a_unit(rows: list[Row]) -> None:
    pattern = r"\d+(\.\d+)? (g|kg|ml|L|ct|lb|m|bunch)"
    assert [row["size"] for row in rows if not re.fullmatch(pattern, row["size"])] == []


def test_a_few_products_are_out_of_stock(rows: list[Row]) -> None:
    assert {row["in_stock"] for row in rows} == {"true", "false"}
    assert 0.03 <= sum(row["in_stock"] == "false" for row in rows) / len(rows) <= 0.05


def test_about_a_quarter_of_the_shop_speaks_french(rows: list[Row]) -> None:
    assert 0.20 <= sum(map(is_french, rows)) / len(rows) <= 0.26


def test_every_description_is_one_short_sentence_of_its_own(rows: list[Row]) -> None:
    texts = [row["description"] for row in rows]
    assert repeated([text.casefold() for text in texts]) == []
    assert [text for text in texts if len(text) > 200 or len(text.split()) < 4] == []
    assert [text for text in texts if not text.endswith(".") or re.search(r"[.!?…;]", text[:-1])] == []


def test_descriptions_do_not_follow_a_template(rows: list[Row]) -> None:
    openings = Counter(" ".join(row["description"].split()[:3]).casefold() for row in rows)
    assert [opening for opening, count in openings.items() if count > 3] == []


def test_dietary_marks_come_from_the_vocabulary_each_once(rows: list[Row]) -> None:
    assert {mark for row in rows for mark in marks(row)} == DIETARY
    assert names([row for row in rows if len(set(marks(row))) != len(marks(row))]) == []


def test_vegan_products_are_vegetarian_too(rows: list[Row]) -> None:
    assert names([row for row in marked(rows, "vegan") if "vegetarian" not in marks(row)]) == []


def test_nothing_inedible_carries_a_dietary_mark(rows: list[Row]) -> None:
    assert names([row for row in rows if aisle(row) in NOT_FOOD and marks(row)]) == []


def test_vegan_products_hold_nothing_from_an_animal(rows: list[Row]) -> None:
    vegan = marked(rows, "vegan")
    assert names([row for row in vegan if aisle(row) in ANIMAL_AISLES]) == []
    animal = [row for row in vegan if ANIMAL.search(row["name"]) and not PLANT_SENSE.search(row["name"])]
    assert names(animal) == []


def test_meat_and_fish_are_never_vegetarian(rows: list[Row]) -> None:
    flesh = [row for row in rows if aisle(row) in {"Meat & Poultry", "Fish & Seafood"}]
    assert names(marked(flesh, "vegetarian")) == []
    elsewhere = [row for row in marked(rows, "vegetarian") if aisle(row) != "Plant-Based Protein"]
    assert names([row for row in elsewhere if FLESH.search(row["name"])]) == []


def test_gluten_free_products_are_not_made_of_wheat_rye_or_barley(rows: list[Row]) -> None:
    suspects = [row for row in marked(rows, "gluten-free") if not SAYS_GLUTEN_FREE.search(row["name"])]
    assert names([row for row in suspects if GLUTEN.search(row["name"])]) == []
    assert {row["category"] for row in suspects if aisle(row) == "Bakery"} <= {"Bakery > Gluten-Free Bread"}


@pytest.mark.parametrize(
    ("mark", "claim"),
    [
        ("gluten-free", r"gluten-free|sans gluten"),
        ("lactose-free", r"lactose-free|sans lactose"),
        ("organic", r"\borganic\b|\bbiologiques?\b"),
        ("vegan", r"\bvegan\b|\bvégane?\b"),
        ("halal", r"\bhalal\b"),
        ("kosher", r"^kosher\b"),
        ("nut-free", r"\bnut-free\b"),
        ("no-added-sugar", r"no sugar added|sans sucre ajouté"),
    ],
)
def test_a_claim_in_the_name_stands_among_the_marks(rows: list[Row], mark: str, claim: str) -> None:
    food = [row for row in rows if aisle(row) not in NOT_FOOD]
    claimed = [row for row in food if re.search(claim, row["name"], re.IGNORECASE)]
    assert claimed
    assert names([row for row in claimed if mark not in marks(row)]) == []


def test_cows_milk_is_lactose_free_only_when_it_says_so(rows: list[Row]) -> None:
    dairy = [row for row in marked(rows, "lactose-free") if aisle(row) == "Dairy"]
    assert names([row for row in dairy if not re.search(r"lactose", row["name"], re.IGNORECASE)]) == []


def test_religious_marks_keep_their_rules(rows: list[Row]) -> None:
    religious = marked(rows, "kosher") + marked(rows, "halal")
    assert names([row for row in religious if PORK.search(f"{row['name']} {row['description']}")]) == []
    assert names([row for row in marked(rows, "kosher") if SHELLFISH.search(row["name"])]) == []
    assert names([row for row in marked(rows, "halal") if "Beer" in row["category"]]) == []


def test_nut_free_products_name_no_nut(rows: list[Row]) -> None:
    assert names([row for row in marked(rows, "nut-free") if NUTS.search(row["name"])]) == []


@pytest.mark.parametrize(
    "words",
    [
        "organic milk", "oatly barista", "2% milk", "lait sans lactose", "gluten-free bread", "bananas",
        "pancake mix", "maple syrup", "eggs", "chicken thighs", "pâtes", "diapers", "cat food",
    ],
)  # fmt: skip
def test_what_shoppers_type_first_is_on_the_shelves(rows: list[Row], words: str) -> None:
    texts = [f"{row['brand']} {row['name']} {row['category']}".casefold() for row in rows]
    found = [text for text in texts if all(word in text for word in words.split())]
    assert len(found) >= (1 if words == "oatly barista" else 2)
