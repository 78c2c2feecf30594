from collections.abc import Iterator

import pytest
from django.conf import settings

from tests.flows.stores import Stores, opened


@pytest.fixture
def stores(log: None) -> Iterator[Stores]:
    """An empty log, and the three stores, empty and set up."""
    if not settings.REDIS_ENABLED:
        pytest.skip("there is no Redis server for this machine")
    found = opened()
    found.empty()
    yield found
    found.redis.close()
    found.storage.close()
    found.bigquery.close()
