"""The role that docs/deployment.md recommends for the replica: enough for all that is read there, and for no more."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from psycopg import errors
from pytest_django import Settings

from leafloaf.catalog import indexing, replica, semantic, vectors
from leafloaf.catalog.models import MerchandisingRule, Placement, Product, Supplier, Synonym
from leafloaf.catalog.search import Filters, Sort, search
from leafloaf.catalog.suggest import suggest
from leafloaf.stack.services import REPOSITORY
from personalization.companions import basket_counts, meal_groups
from tests.calls import Api
from tests.catalog.conftest import MakeProduct
from tests.catalog.replica.conftest import Replica, visiting_as
from tests.config.application import database_url
from tests.personalization import orders

PAGE = (REPOSITORY / "docs" / "deployment.md").read_text()
SECRET = "for-tests-only"
ROLE = "leafloaf_reader"
DOCUMENTED = next(block for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if ROLE in block)
GRANTED = set(re.findall(r"\b(?:catalog|personalization)_\w+", DOCUMENTED))
QUERIES = (
    "milk", "", "whole milk", "milk bread", "mlk", "whloe mikl", "milk 1", "leche", "alpro", "dairy", "???", "nothing",
    "something for breakfast", "vegan", "milk under 3 dollars", "it's the best organic milk of the north", "wholemilk",
)  # fmt: skip
FILTERS = (
    Filters(),
    Filters(category="Dairy"),
    Filters(category=["Dairy > Milk", "Bakery"], brand="Nord"),
    Filters(dietary="vegan", in_stock=True),
    Filters(said=["organic"], price_min=1, price_max=5),
)


@pytest.fixture(autouse=True)
def shop(patient: Replica, make_product: MakeProduct, settings: Settings) -> Iterator[None]:
    """A little of everything that a search looks at."""
    settings.COMPLEMENTS_K = 1
    is_semantic = not vectors.prepare()
    for number in range(1, 30):
        make_product(
            f"{'Organic ' if number % 3 else ''}Whole Milk {number}",
            sku=f"m{number}",
            brand="Nord" if number % 2 else "Alpro",
            category="Dairy > Milk" if number < 20 else "Dairy > Cream",
            price=number,
            dietary=["vegan"] if number % 5 == 0 else [],
        )
    bread = make_product("Country Bread", sku="bread", brand="Fournil", category="Bakery", price=2)
    make_product("Plum Jam", sku="jam", brand="Fournil", category="Spreads", price=4, in_stock=True)
    Product.objects.filter(pk=bread.pk).update(supplier=Supplier.objects.create(name="The mill"))
    Synonym.objects.create(term="leche", replacements=["milk"])
    for action, factor, position in (("pin", None, 1), ("boost", 2, None), ("bury", 0.5, None)):
        rule = MerchandisingRule.objects.create(name=action, action=action, factor=factor, query="milk")
        Placement.objects.create(rule=rule, product=bread, position=position)
    orders.sent([["m1", "bread", "jam"]] * 8 + [["m3"]] * 20)
    basket_counts.run()
    meal_groups.group()
    if is_semantic:
        vectors.update()
    indexing.refresh()
    semantic.forget()
    yield
    semantic.forget()


@pytest.fixture
def reader(copy: Replica, shop: None) -> Iterator[None]:
    """The shop comes to the replica as that role."""
    primary = connection.cursor()
    for statement in DOCUMENTED.replace("…", SECRET).split(";"):
        if statement.strip() and ("embedding" not in statement or not vectors.prepare()):
            primary.execute(statement)
    copy.wait(lambda: copy.ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}'") == [(1,)])
    with visiting_as(ROLE, SECRET):
        copy.catch_up()
        yield
    primary.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


def everything(publishable: Api) -> Iterator[bool]:
    """Asks all there is to be asked, one after the other; whether what was asked reads the catalogue."""
    for query in QUERIES:
        suggest(query)
        yield bool(re.search(r"\w", query))
        for filters in FILTERS:
            for sort in Sort:
                search(query, filters=filters, sort=sort, explain=True, limit=5)
                yield True
            for alpha in (0.0, 1.0):
                search(query, filters=filters, alpha=alpha, explain=True)
                yield True
    answer = publishable.get("/api/v1/products/m1/complements").json()
    assert {item["sku"] for item in answer["items"]} == {"bread", "jam"}
    assert answer["meals"]
    yield True


def test_with_it_everything_is_read_there(copy: Replica, reader: None, publishable: Api) -> None:
    assert sum(everything(publishable)) == copy.reads["replica"] > 500
    assert set(copy.reads) == {"replica"}


def test_each_of_its_grants_is_needed(
    copy: Replica, reader: None, publishable: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = set()
    for table in sorted(GRANTED & {name for (name,) in tables()}):
        connection.cursor().execute(f"REVOKE SELECT ON {table} FROM {ROLE}")
        copy.wait(lambda table=table: not may_read(copy, table))
        failed = copy.reads["failed"]
        if not any(copy.reads["failed"] > failed for _ in everything(publishable)):
            idle.add(table)
        connection.cursor().execute(f"GRANT SELECT ON {table} TO {ROLE}")
        copy.wait(lambda table=table: may_read(copy, table))
        monkeypatch.setattr(replica, "_rest", replica.Rest())
    assert idle == set()


def may_read(copy: Replica, table: str) -> bool:
    return copy.ask(f"SELECT has_table_privilege('{ROLE}', '{table}', 'SELECT')") == [(True,)]


def tables() -> list[tuple[str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        return list(cursor.fetchall())


ALLOWED = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        AND has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
"""


def test_it_may_read_nothing_of_a_person_and_write_nothing(copy: Replica, reader: None) -> None:
    """Neither there nor, since it is the primary's role, on the primary."""
    for port in (copy.port, None):
        address = f"postgres://{ROLE}:{SECRET}@{database_url(port).partition('@')[2]}"
        with psycopg.connect(address, autocommit=True) as asked:
            assert {name for (name,) in asked.execute(ALLOWED)} <= GRANTED
            with pytest.raises(errors.InsufficientPrivilege):
                asked.execute("SELECT FROM privacy_subject")
            with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                asked.execute("UPDATE catalog_offer SET price = 1")
