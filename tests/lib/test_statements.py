from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from leafloaf.lib import statements

pytestmark = pytest.mark.django_db


def test_rows_come_as_python_values() -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    query = "SELECT %s::int, %s::timestamptz, %s::text[], NULL"
    assert statements.fetch(query, [7, moment, ["a", "b"]]) == [(7, moment, ["a", "b"], None)]


def test_names_do_as_well_as_places() -> None:
    assert statements.fetch("SELECT %(word)s::text || %(word)s", {"word": "ab"}) == [("abab",)]


def test_a_statement_without_rows_gives_none() -> None:
    assert statements.fetch("CREATE TEMPORARY TABLE nothing_in_it () ON COMMIT DROP") == []


def test_a_statement_is_planned_once_a_connection() -> None:
    query = "SELECT 'planned once', %s::int"
    for number in range(3):
        statements.fetch(query, [number])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%planned once%%$1%%'"
        )
        assert cursor.fetchone() == (1,)


def test_what_postgres_refuses_is_an_error_of_django() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        statements.fetch("SELECT 1 / %s::int", [0])


def test_it_takes_part_in_the_transaction_that_is_open() -> None:
    with transaction.atomic():
        statements.fetch("SELECT set_config('leafloaf.mark', 'set', true)")
        assert statements.fetch("SELECT current_setting('leafloaf.mark')") == [("set",)]
