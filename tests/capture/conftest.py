import pytest
from pytest_django import Settings

from capture import retry


@pytest.fixture(autouse=True)
def no_secret_words(settings: Settings) -> None:
    """What stores hold of a query is what was typed, normalised: most of these tests have no catalogue."""
    settings.QUERY_WORDS = "tests.capture.every_word.vouched"


@pytest.fixture
def long_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that failed rests for minutes: it is tried again when a test says so, and not because that is slow."""
    monkeypatch.setattr(retry, "BASE", retry.CEILING)
