from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.access.matrix import world
from tests.access.matrix.world import World


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """The world of the access matrix; each test rolls back its own, and each module all of it."""
    with django_db_blocker.unblock(), world.standing() as built:
        yield built
