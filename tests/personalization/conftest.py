"""What the tests of personalization share."""

from collections.abc import Iterator

import pytest

from personalization.learning import learned


@pytest.fixture(autouse=True)
def nothing_learned() -> Iterator[None]:
    """No test is served what another one has learned."""
    learned.forget()
    yield
    learned.forget()
