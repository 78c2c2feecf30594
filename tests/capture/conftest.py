import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def no_secret_words(settings: Settings) -> None:
    """What stores hold of a query is what was typed, normalised: most of these tests have no catalogue."""
    settings.QUERY_WORDS = "tests.capture.every_word.vouched"
