"""Postgres plans the ingest statement once a connection, not once a request, and psycopg reads it once."""

import pytest
from django.conf import settings
from django.db import connection
from psycopg import _queries

from capture import ingest, projections
from tests.calls import Api, cart

MOST_TRIALS = 5
"""Postgres always plans a prepared statement anew so often before it considers to keep a plan."""


def custom_plans() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE %s",
            ["%INSERT INTO capture_eventkey%"],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize("user_id", ["anna", None])
@pytest.mark.usefixtures("log")
def test_a_batch_of_any_size_uses_the_plan_that_is_there(
    secret: Api, count: int, user_id: str | None
) -> None:
    def send() -> None:
        secret.send(*(cart(user_id=user_id) for _ in range(count)))

    for _ in range(MOST_TRIALS + 1):
        send()
    planned = custom_plans()
    for _ in range(MOST_TRIALS):
        send()
    assert custom_plans() == planned


def test_psycopg_remembers_how_it_read_the_longest_statement() -> None:
    derived = tuple(projections.loaded(path) for path in settings.PROJECTIONS)
    assert len(ingest.statement_with(derived)) <= _queries.MAX_CACHED_STATEMENT_LENGTH
    assert ingest.statement_with(()).count("%(") <= _queries.MAX_CACHED_STATEMENT_PARAMS
