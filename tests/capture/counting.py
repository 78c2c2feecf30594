"""How many statements a page costs: those of Django's cursors, and the prepared ones that go past them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leafloaf.lib import statements

NO_QUERIES = ("SAVEPOINT", "RELEASE", "ROLLBACK", "SET LOCAL", "BEGIN", "COMMIT")


@contextmanager
def at_most(most: int) -> Iterator[list[str]]:
    """Fails when more is asked than that; gives what was asked."""
    said: list[str] = []
    real = statements.fetch

    def fetch(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        said.append(query)
        return real(query, *parameters)

    with pytest.MonkeyPatch.context() as patch, CaptureQueriesContext(connection) as captured:
        patch.setattr(statements, "fetch", fetch)
        yield said
    said += [one["sql"] for one in captured if not one["sql"].startswith(NO_QUERIES)]
    assert len(said) <= most, f"{len(said)} statements:\n" + "\n\n".join(said)
