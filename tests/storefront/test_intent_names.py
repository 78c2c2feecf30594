"""The names of the catalogue as queries are held against them, from the database."""

import pytest
from pytest_django import Settings

from leafloaf.catalog.deadline import SearchTimeout
from leafloaf.catalog.models import Brand, Category, Product
from leafloaf.storefront import intent
from leafloaf.storefront.intent import known
from tests.personalization.grocery import locked

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_held() -> None:
    known.forget()


def test_a_new_brand_is_known_at_once() -> None:
    assert intent.of("Nouvelle Vague").name == "product_search"
    Brand.objects.create(name="Nouvelle Vague")
    meant = intent.of("nouvelle vague")
    assert (meant.name, meant.entities) == ("brand_search", {"brand": "Nouvelle Vague"})


def test_of_categories_with_one_name_the_highest_is_meant() -> None:
    tea = Category.objects.create(name="Tea")
    herbal = Category.objects.create(name="Herbal", parent=tea)
    Category.objects.create(name="Tea", parent=herbal)
    assert intent.of("TEA").entities == {"category": "Tea"}
    assert intent.of("herbal").entities == {"category": "Tea > Herbal"}


def test_the_marks_are_those_of_the_products() -> None:
    assert intent.of("vegan cheese").filters == {}
    Product.objects.create(sku="1", name="Cheese", dietary=["Vegan"])
    known.forget()
    assert intent.of("vegan cheese").filters == {"dietary": ["Vegan"]}


def test_one_part_of_a_shelfs_name_is_enough_when_a_shelf_is_asked_for() -> None:
    Category.objects.create(name="Charms & Trinkets")
    assert intent.of("the trinkets section").entities == {"category": "Charms & Trinkets"}
    assert intent.of("trinkets").name == "product_search"


@pytest.mark.django_db(transaction=True)
def test_a_table_that_somebody_holds_keeps_a_search_no_longer_than_its_limit(settings: Settings) -> None:
    settings.SEARCH_TIMEOUT_SECONDS = 0.05
    Brand.objects.create(name="Nouvelle Vague")
    with locked("catalog_product"), pytest.raises(SearchTimeout):
        known.current()
    assert known.current().brand("nouvelle vague") == "Nouvelle Vague"


@pytest.mark.django_db(transaction=True)
def test_the_names_of_before_do_for_a_minute_when_they_cannot_be_read_in_time(settings: Settings) -> None:
    settings.SEARCH_TIMEOUT_SECONDS = 0.05
    before = known.current()
    Brand.objects.create(name="Nouvelle Vague")
    with locked("catalog_product"):
        assert known.current() is before
    known.forget()
    assert known.current().brand("nouvelle vague")
