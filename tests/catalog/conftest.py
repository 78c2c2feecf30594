from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from leafloaf.catalog import loading
from leafloaf.catalog.models import Brand, Category, Offer, Product

MakeProduct = Callable[..., Product]


@pytest.fixture
def make_product(db: None) -> MakeProduct:
    """Makes a product the way the ORM does; brand, category path and price by name."""

    def make(name: str, *, sku: str = "", brand: str = "", category: str = "", **fields: Any) -> Product:
        offer = {key: fields.pop(key) for key in ("price", "in_stock") if key in fields}
        product = Product.objects.create(
            sku=sku or name[:64],
            name=name,
            brand=Brand.objects.get_or_create(name=brand)[0] if brand else None,
            category=make_category(category) if category else None,
            **fields,
        )
        if offer:
            Offer.objects.create(product=product, **offer)
        return product

    return make


def make_category(path: str) -> Category:
    """The category of that path, and those above it."""
    above, _, name = path.rpartition(" > ")
    parent = make_category(above) if above else None
    category, _ = Category.objects.get_or_create(name=name, parent=parent)
    category.refresh_from_db()
    return category


@pytest.fixture
def load(db: None) -> Callable[[str], loading.Report]:
    """Loads a catalogue written in the test."""
    return lambda text: loading.load(text.splitlines(keepends=True))


@pytest.fixture
def data_dir(settings: LazySettings) -> Path:
    """The folder of real data sets; skips when there is none."""
    if not settings.LEAFLOAF_DATA_DIR:
        pytest.skip("LEAFLOAF_DATA_DIR is not set: no real catalogues here")
    return Path(settings.LEAFLOAF_DATA_DIR)
