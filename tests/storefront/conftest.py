import io
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import transaction
from pytest_django import DjangoDbBlocker

from capture import partitions
from leafloaf.catalog.models import Product
from leafloaf.storefront.management.commands.load_demo import CATALOGUE


@pytest.fixture(scope="module")
def demo_shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The demo catalogue, loaded once for a module and rolled back after it; each test rolls back its own."""
    with django_db_blocker.unblock(), transaction.atomic():
        partitions.ensure()
        call_command("load_catalogue", str(CATALOGUE), stdout=io.StringIO(), stderr=io.StringIO())
        assert Product.objects.count() > 600
        yield
        transaction.set_rollback(True)
