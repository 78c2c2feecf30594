"""Vouches for every word, so that analytics is told whole queries: for tests that are about something else."""

from collections.abc import Collection, Iterator

import pytest
from pytest_django import Settings

from capture import anonymised


def vouched(words: Collection[str]) -> Collection[str]:
    return words


@pytest.fixture
def every_word(settings: Settings) -> Iterator[None]:
    settings.QUERY_WORDS = "tests.capture.every_word.vouched"
    anonymised.forget()
    yield
    anonymised.forget()
