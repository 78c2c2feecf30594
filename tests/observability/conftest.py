import pytest

from leafloaf.observability import exposition
from tests.flows.conftest import stores

__all__ = ["read_anew", "stores"]


@pytest.fixture(autouse=True)
def read_anew() -> None:
    """No test is told what gauges said to the one before."""
    exposition.forget()
