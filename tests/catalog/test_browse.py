"""A large shop without a query: the same products as a small one shows, counted last night."""

from collections.abc import Callable

import pytest
from django.db import connection

from leafloaf.catalog import browse, walking
from leafloaf.catalog.filters import Filters
from leafloaf.catalog.keyword import Sort
from leafloaf.catalog.models import Product
from leafloaf.catalog.search import search

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db
SHELVES = ("Dairy > Milk", "Dairy > Cream", "Bakery > Bread", "")
MARKS: tuple[list[str], ...] = (["vegan"], ["organic", "vegan"], [])


@pytest.fixture
def shop(make_product: MakeProduct) -> None:
    """Thirty products; some without a price, some sold out, some without a shelf or a brand."""
    for n in range(30):
        make_product(
            f"Thing {n:02}",
            sku=f"s{n}",
            brand=("Nord", "Sud", "")[n % 3],
            category=SHELVES[n % 4],
            dietary=MARKS[n % 3],
            **({} if n % 7 == 0 else {"price": f"{(n * 13) % 17}.50", "in_stock": n % 5 > 0}),
        )


def tally() -> None:
    """As the night does it in a large shop."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_tally SELECT category_id, brand_id, dietary, dietary_keys, count(*) "
            "FROM catalog_productsearch GROUP BY 1, 2, 3, 4"
        )


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("few", [0, 5000])
@pytest.mark.parametrize("sort", [Sort.RELEVANCE, Sort.NAME])
@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(category="dairy"),
        Filters(category=["Bakery > Bread", "Cream"]),
        Filters(brand="nord"),
        Filters(category="milk", brand=["Nord", "Sud"]),
        Filters(dietary=["vegan"]),
        Filters(category="nowhere"),
    ],
)
def test_a_large_shop_shows_what_a_small_one_would(
    monkeypatch: pytest.MonkeyPatch, filters: Filters, sort: Sort, few: int
) -> None:
    monkeypatch.setattr(walking, "FEW", few)
    monkeypatch.setattr(walking, "MANY", few)
    for limit in (4, 50):
        small = browse.run(filters, sort, limit=limit)
        tally()
        large = browse.run(filters, sort, limit=limit)
        assert (large.ids, large.total, large.facets) == (small.ids, small.total, small.facets)
        assert (small.is_estimated, large.is_estimated) == (False, True)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM catalog_tally")


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("sort", [Sort.PRICE_ASC, Sort.PRICE_DESC])
@pytest.mark.parametrize("filters", [Filters(), Filters(category="dairy"), Filters(brand="sud")])
def test_its_prices_are_in_order_and_those_without_come_last(filters: Filters, sort: Sort) -> None:
    small = [hit.price for hit in search(filters=filters, sort=sort).results]
    tally()
    pages = [search(filters=filters, sort=sort, limit=4, offset=offset).results for offset in range(0, 32, 4)]
    large = [hit for page in pages for hit in page]
    assert [hit.price for hit in large][: len(small)] == small
    assert len({hit.sku for hit in large}) == len(large)


@pytest.mark.usefixtures("shop")
def test_a_price_that_is_asked_for_is_counted_as_it_stands() -> None:
    tally()
    assert search().is_estimated
    for filters in (Filters(price_max=8), Filters(in_stock=False), Filters(said=["vegan"])):
        assert not search(filters=filters).is_estimated


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("sort", [Sort.RELEVANCE, Sort.NAME])
def test_what_is_in_stock_is_shown_alone_and_counted_with_the_rest(sort: Sort) -> None:
    small = [hit.sku for hit in search(filters=Filters(in_stock=True), sort=sort, limit=50).results]
    tally()
    page = search(filters=Filters(in_stock=True), sort=sort, limit=4)
    assert [hit.sku for hit in page.results] == small[:4]
    assert (page.total, page.is_estimated) == (30, True)
    assert search(filters=Filters(in_stock=True), sort=sort, limit=50).total == len(small)


@pytest.mark.usefixtures("shop")
def test_a_product_is_there_at_once_whatever_was_counted(make_product: MakeProduct) -> None:
    tally()
    make_product("A new thing", category="Dairy > Milk")
    assert search(limit=3).results[0].name == "A new thing"
    assert search(filters=Filters(category="milk"), limit=50).total == 9
