"""The postings follow every product; the counts and the version follow the postings."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from leafloaf.catalog import indexing, version
from leafloaf.catalog.models import Brand, Offer, Product, Supplier, Synonym
from leafloaf.catalog.search import search

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db


def rows(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def postings() -> dict[str, float]:
    return dict(rows("SELECT term, impact FROM catalog_posting"))


def test_each_field_weighs_what_it_should(make_product: MakeProduct) -> None:
    make_product("Alpha", brand="Beta", category="Gamma", description="Delta")
    impacts = postings()
    assert impacts["alpha"] > impacts["gamma"] > impacts["delta"]
    assert {"alpha", "beta", "gamma", "delta", "^alpha", "@beta"} == set(impacts)


def test_a_name_gains_nothing_by_saying_a_word_again(make_product: MakeProduct) -> None:
    product = make_product("Coffee beans roast")
    once = postings()["coffe"]
    product.name = "Coffee coffee beans"
    product.save()
    assert postings()["coffe"] == once


def test_addresses_and_numbers_among_the_attributes_are_not_words(make_product: MakeProduct) -> None:
    make_product(
        "Thing", attributes={"url": "https://example.com/x", "weight": "12.5", "origin": "Kamouraska"}
    )
    assert set(postings()) == {"thing", "^thing", "kamouraska"}


def test_a_renamed_product_keeps_no_posting_of_its_old_name(make_product: MakeProduct) -> None:
    product = make_product("Old thing")
    product.name = "New thing"
    product.save()
    assert set(postings()) == {"new", "thing", "^thing"}


def test_a_deleted_product_leaves_no_posting(make_product: MakeProduct) -> None:
    make_product("Quinoa").delete()
    assert rows("SELECT FROM catalog_posting") == rows("SELECT FROM catalog_document") == []


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("Chocolate Milk, 2 L", "milk"),
        ("Milk Chocolate Bar 45 g", "bar"),
        ("Biscuits with chocolate", "biscuit"),
        ("Lait de coco", "lait"),
        ("Eggs (12 pack)", "egg"),
        ("500 g", None),
    ],
)
def test_the_head_noun_ends_the_first_phrase_of_a_name(name: str, head: str | None) -> None:
    assert rows("SELECT catalog_head(%s)", name) == [(head,)]


def test_how_common_a_word_is_is_counted_anew(make_product: MakeProduct) -> None:
    for n in range(3):
        make_product(f"Milk {n}")
    indexing.refresh()
    assert rows("SELECT products FROM catalog_term WHERE term = 'milk'") == [(3,)]
    assert rows("SELECT products FROM catalog_word WHERE word = 'milk'") == [(3,)]
    Product.objects.all().delete()
    indexing.refresh()
    assert rows("SELECT FROM catalog_term") == rows("SELECT FROM catalog_word WHERE products > 0") == []


def test_the_index_built_anew_is_the_same(make_product: MakeProduct) -> None:
    make_product("Quinoa", brand="Nord", category="Pantry > Grains", dietary=["organic"], description="Andes")
    before = postings()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_productsearch")
    assert postings() == {}
    assert indexing.rebuild() == 1
    assert postings() == before


def test_every_change_of_what_an_answer_shows_is_another_version(make_product: MakeProduct) -> None:
    product = make_product("Quinoa", brand="Nord", price="3.00")
    Supplier.objects.create(name="S")
    seen = [version.current()]
    for change in (
        lambda: Product.objects.filter(pk=product.pk).update(name="Amaranth"),
        lambda: Offer.objects.update(price="2.50"),
        lambda: Brand.objects.update(name="Sud"),
        lambda: Supplier.objects.update(name="T"),
        lambda: Synonym.objects.create(term="kinwa", replacements=["quinoa"]),
        lambda: product.delete(),
    ):
        change()
        seen.append(version.current())
    assert len(set(seen)) == len(seen)


def test_a_statement_that_changes_no_row_keeps_the_version(make_product: MakeProduct) -> None:
    make_product("Quinoa", price="3.00")
    before = version.current()
    Offer.objects.filter(price="9.99").update(price="1.00")
    search("quinoa")
    assert version.current() == before


def test_putting_changes_together_keeps_their_sum() -> None:
    rows("SELECT setseed(0.5)")  # one in fifty changes puts them together, by chance
    ((before,),) = rows("SELECT coalesce(sum(changes), 0) FROM catalog_change")
    for n in range(400):
        Supplier.objects.create(name=f"S {n}")
    ((after, kept),) = rows("SELECT sum(changes), count(*) FROM catalog_change")
    assert after == before + 400
    assert kept < 400
