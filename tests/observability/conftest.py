import pytest

from leafloaf.observability import exposition, request_times
from leafloaf.observability.request_times import MOST_SERIES, Series
from tests.flows.conftest import stores

__all__ = ["read_anew", "stores"]


@pytest.fixture(autouse=True)
def read_anew() -> None:
    """No test is told what gauges said to the one before."""
    exposition.forget()


@pytest.fixture(autouse=True)
def series(monkeypatch: pytest.MonkeyPatch) -> Series:
    """The tests before may have asked for every route there is, in one process."""
    fresh = Series(MOST_SERIES)
    monkeypatch.setattr(request_times, "_series", fresh)
    return fresh
