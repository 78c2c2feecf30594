from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.privacy.shelf import HOLDERS, Shelf


@pytest.fixture
def shelves(settings: Settings) -> Iterator[None]:
    """Three holders whose answers a test tells beforehand."""
    settings.DATA_HOLDERS = HOLDERS
    Shelf.clear()
    yield
    Shelf.clear()


@pytest.fixture
def only_postgres(settings: Settings) -> None:
    """What the other stores do has tests of its own."""
    settings.DATA_HOLDERS = {"privacy": "privacy.own_holder.PrivacyHolder"}
