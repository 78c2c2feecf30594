"""The role that docs/erasure.md makes for workers: enough to prove an erasure, and nothing of what people did."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from psycopg import errors

from leafloaf.stack.services import REPOSITORY
from privacy import own_holder
from privacy.erasure import machine
from privacy.holders import Plan, Presence, Scope, Task
from privacy.models import Certificate, DeletionStep
from tests.catalog.replica.conftest import visiting_as
from tests.config.application import database_url
from tests.privacy.deleting import advance, step
from tests.privacy.replica.conftest import NONE, Person
from tests.privacy.replica.passing_time import read, until, until_certified

PAGE = (REPOSITORY / "docs" / "erasure.md").read_text()
ROLE, SECRET = "leafloaf_verifier", "for-tests-only"
DOCUMENTED = next(block for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if ROLE in block)
GRANTS = [
    (column, table)
    for columns, tables in re.findall(r"GRANT SELECT \((.+?)\) ON (.+?) TO", DOCUMENTED, re.DOTALL)
    for column in columns.split(", ")
    for table in re.split(r",\s+", tables)
]


@pytest.fixture
def verifier(ann: Person) -> Iterator[None]:
    """The shop comes to the replica as that role."""
    with connection.cursor() as primary:
        primary.execute("CREATE ROLE leafloaf_reader LOGIN")
        primary.execute(DOCUMENTED.replace("…", SECRET))
        ann.copy.wait(lambda: ann.copy.ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}'"))
        with visiting_as(ROLE, SECRET):
            yield
        primary.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}; DROP ROLE leafloaf_reader")


def test_with_it_an_erasure_is_proved(ann: Person, verifier: None) -> None:
    ann.asks()
    machine.advance_all(until_quiet=True)
    until_certified()
    assert Certificate.objects.exists()
    assert ann.rows() == NONE


def test_each_of_its_rights_is_needed(ann: Person, verifier: None) -> None:
    """And the page has every table with a column for a person."""
    named = {model._meta.db_table for model in own_holder.models_by_subject()}
    assert {table for column, table in GRANTS if column == "subject_id"} == named
    assert len(GRANTS) == len(named) + 4
    ann.asks()
    DeletionStep.objects.filter(holder="replica").update(lease_token=(lease := uuid4()))
    task = Task(Scope(ann.subject_id, ("visit",)), Plan(0), datetime.now(UTC), lease=lease)
    for column, table in GRANTS:
        with connection.cursor() as primary:
            primary.execute(f"REVOKE SELECT ({column}) ON {table} FROM {ROLE}")
            ann.copy.wait(lambda c=column, t=table: not may_read(ann, c, t))
            assert read(task).presence == Presence.FORBIDDEN, (column, table)
            primary.execute(f"GRANT SELECT ({column}) ON {table} TO {ROLE}")
            ann.copy.wait(lambda c=column, t=table: may_read(ann, c, t))


def may_read(ann: Person, column: str, table: str) -> bool:
    return ann.copy.ask(f"SELECT has_column_privilege('{ROLE}', '{table}', '{column}', 'SELECT')") == [
        (True,)
    ]


def test_what_it_may_not_read_is_told_as_that(ann: Person, verifier: None) -> None:
    with connection.cursor() as primary:
        primary.execute(f"REVOKE SELECT (subject_id) ON privacy_staffaccess FROM {ROLE}")
    ann.asks()
    advance()
    until(lambda: step("replica").presence == Presence.FORBIDDEN)
    assert step("replica").state == "purged"
    assert step("replica").last_error.startswith(
        "Not allowed to read: its role may not look for people there"
    )
    assert not Certificate.objects.exists()


@pytest.mark.parametrize(
    "asked",
    [
        "SELECT user_id FROM privacy_subject",
        "SELECT payload FROM capture_event",
        "SELECT plan FROM privacy_deletionstep",
        "SELECT FROM privacy_deletionrequest",
        "UPDATE privacy_deletionstep SET state = 'absent'",
    ],
)
def test_it_sees_whose_a_row_is_and_never_what_it_says(ann: Person, verifier: None, asked: str) -> None:
    """Neither there nor, since it is the primary's role, on the primary."""
    for port in (ann.copy.port, None):
        address = f"postgres://{ROLE}:{SECRET}@{database_url(port).partition('@')[2]}"
        with psycopg.connect(address, autocommit=True) as reader:
            refused = (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)
            with pytest.raises(refused):
                reader.execute(asked)
