"""Who has the application's database role cannot change what the audit says, and can do everything else.

In a database of its own, set up as on a server without a superuser: by a role that may make roles and databases.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from django.core import checks
from psycopg import sql

from leafloaf.access import audit_protection
from leafloaf.access.audit_protection import NotProtected
from leafloaf.stack.throwaway import ThrowawayStack

REPOSITORY = Path(__file__).parents[2]
ADD = (
    "INSERT INTO access_auditentry (actor, action, target, reason, details) VALUES ('a', 'b', 'c', '', '{}')"
)
HARMLESS = "LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"


@dataclass(frozen=True)
class Place:
    """A protected database and its roles, each of which has the same password."""

    superuser_url: str
    tag: str

    @property
    def database(self) -> str:
        return f"audit_{self.tag}"

    @property
    def deployer(self) -> str:
        return f"deployer_{self.tag}"

    @property
    def application(self) -> str:
        return f"application_{self.tag}"

    @property
    def owner(self) -> str:
        return f"owner_{self.tag}"

    def url(self, role: str = "", database: str = "") -> str:
        parts = urlsplit(self.superuser_url)
        signed = f"{role}:secret@{parts.hostname}:{parts.port}" if role else parts.netloc
        return urlunsplit(parts._replace(netloc=signed, path=f"/{database or self.database}"))

    def connection(self, role: str = "", database: str = "") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url(role, database), autocommit=True)

    def run(self, role: str, *command: str) -> str:
        """What a command prints that is run as this role."""
        environment = {**os.environ, "DATABASE_URL": self.url(role)}
        done = subprocess.run(
            [sys.executable, *command], cwd=REPOSITORY, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def faults(self, connection: psycopg.Connection[tuple[object, ...]]) -> str:
        found = audit_protection.faults(
            lambda query, named: connection.execute(query.encode(), named).fetchall(), self.application
        )
        return " ".join(found)


@pytest.fixture(scope="module")
def place(stack: ThrowawayStack) -> Iterator[Place]:
    place = Place(stack.environment["DATABASE_URL"], uuid4().hex[:8])
    with place.connection(database="postgres") as superuser:
        superuser.execute(
            f"CREATE ROLE {place.deployer} LOGIN CREATEDB CREATEROLE PASSWORD 'secret'".encode()
        )
    with place.connection(place.deployer, "postgres") as deployer:
        deployer.execute(f"CREATE DATABASE {place.database}".encode())
        deployer.execute(f"CREATE ROLE {place.application} LOGIN PASSWORD 'secret'".encode())
    try:
        protect = ["protect_audit", "--migrate", "--application", place.application, "--owner", place.owner]
        said = place.run(place.deployer, "manage.py", *protect)
        assert f"The audit is protected: {place.application} may read it and add to it" in said
        yield place
    finally:
        with place.connection(database="postgres") as superuser:
            superuser.execute(f"DROP DATABASE IF EXISTS {place.database} WITH (FORCE)".encode())
            for role in (place.owner, place.application, place.deployer):
                superuser.execute(f"DROP ROLE IF EXISTS {role}".encode())


@pytest.fixture
def application(place: Place) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with place.connection(place.application) as connection:
        yield connection


@pytest.fixture
def superuser(place: Place) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Whatever is done with it is undone."""
    with place.connection() as connection, connection.transaction(force_rollback=True):
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_auditentry SET actor = 'nobody'",
        "DELETE FROM access_auditentry",
        "TRUNCATE access_auditentry",
        "MERGE INTO access_auditentry AS a USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE",
        f"{ADD} ON CONFLICT (id) DO UPDATE SET actor = 'nobody'",
        "ALTER TABLE access_auditentry DISABLE TRIGGER written_once",
        "ALTER TABLE access_auditentry DISABLE TRIGGER ALL",
        "ALTER TABLE access_auditentry RENAME TO elsewhere",
        "ALTER TABLE access_auditentry OWNER TO {application}",
        "ALTER TABLE access_auditentry DROP COLUMN reason",
        "DROP TRIGGER written_once ON access_auditentry",
        "DROP TABLE access_auditentry CASCADE",
        "DROP FUNCTION access_auditentry_is_written_once() CASCADE",
        f"CREATE OR REPLACE FUNCTION access_auditentry_is_written_once() RETURNS trigger {HARMLESS}",
        "CREATE RULE lost AS ON INSERT TO access_auditentry DO INSTEAD NOTHING",
        "CREATE TRIGGER lost BEFORE INSERT ON access_auditentry EXECUTE FUNCTION catalog_embedding_due()",
        "CREATE TABLE child () INHERITS (access_auditentry)",
        "CREATE TABLE child (entry bigint REFERENCES access_auditentry)",
        "SELECT setval(pg_get_serial_sequence('access_auditentry', 'id'), 1)",
        "DROP SCHEMA public CASCADE",
        "ALTER SCHEMA public RENAME TO elsewhere",
        "DROP OWNED BY {owner}",
        "SET ROLE {owner}",
        "SET ROLE {deployer}",
        "SET SESSION AUTHORIZATION {owner}",
        "SET session_replication_role = replica",
        "GRANT {owner} TO {application}",
        "ALTER ROLE {application} SUPERUSER",
        "ALTER ROLE {application} CREATEROLE",
    ],
)
def test_the_application_cannot_change_what_was_written(
    place: Place, application: psycopg.Connection[tuple[object, ...]], statement: str
) -> None:
    names = {name: sql.Identifier(getattr(place, name)) for name in ("application", "owner", "deployer")}
    composed = sql.SQL(statement.replace("'{}'", "'{{}}'")).format(**names)
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidGrantor)):
        application.execute(composed)


def test_the_application_cannot_give_itself_a_right(
    place: Place, application: psycopg.Connection[tuple[object, ...]]
) -> None:
    """Postgres only warns of a grant that grants nothing."""
    for right in ("UPDATE", "DELETE", "TRUNCATE", "ALL"):
        application.execute(f"GRANT {right} ON access_auditentry TO {place.application}".encode())
    assert place.faults(application) == ""


def test_the_application_cannot_drop_the_database(place: Place) -> None:
    with (
        place.connection(place.application, "postgres") as elsewhere,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        elsewhere.execute(f"DROP DATABASE {place.database} WITH (FORCE)".encode())


def test_the_application_adds_entries_and_reads_them(
    application: psycopg.Connection[tuple[object, ...]],
) -> None:
    [(pk,)] = application.execute(f"{ADD} RETURNING id".encode()).fetchall()
    found = application.execute("SELECT actor FROM access_auditentry WHERE id = %s", [pk]).fetchall()
    assert found == [("a",)]


EVERYDAY = """
import django
django.setup()
from django.core.management import call_command
from leafloaf.access.models import AuditEntry
call_command("migrate", verbosity=0, interactive=False)
call_command("make_partitions")
call_command("create_api_client", "Shop", "--kind", "secret")
print("audited", AuditEntry.objects.filter(action="add API client", target="Shop").count())
call_command("check", deploy=True, databases=["default"])
"""


def test_the_application_migrates_makes_partitions_audits_and_is_not_warned(place: Place) -> None:
    environment = {"DJANGO_SETTINGS_MODULE": "leafloaf.settings", **os.environ}
    environment["DATABASE_URL"] = place.url(place.application)
    done = subprocess.run(
        [sys.executable, "-c", EVERYDAY], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "audited 1" in done.stdout
    assert "access.W004" not in done.stdout + done.stderr


def test_the_application_owns_everything_else(application: psycopg.Connection[tuple[object, ...]]) -> None:
    others = """
        SELECT c.oid::regclass::text FROM pg_class AS c
        WHERE relnamespace = 'public'::regnamespace AND relowner <> current_user::regrole AND relkind <> 'i'
        UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc AS p LEFT JOIN pg_depend AS d ON d.objid = p.oid
        AND d.deptype = 'e' WHERE pronamespace = 'public'::regnamespace AND proowner <> current_user::regrole
        AND d.objid IS NULL
    """
    found = {name for (name,) in application.execute(others.encode()).fetchall()}
    assert found == {
        "access_auditentry",
        "access_auditentry_id_seq",
        "access_auditentry_is_written_once()",
    }
    partition = application.execute("SELECT inhrelid::regclass::text FROM pg_inherits").fetchall()[0][0]
    with application.transaction(force_rollback=True):
        application.execute(f"DROP TABLE {partition}".encode())
        application.execute(b"ALTER TABLE access_apiclient ADD COLUMN one_more int")


def test_nobody_not_even_a_superuser_does_it_by_mistake(
    superuser: psycopg.Connection[tuple[object, ...]],
) -> None:
    superuser.execute(ADD.encode())
    for setting in ("origin", "replica"):
        superuser.execute(f"SET LOCAL session_replication_role = {setting}".encode())
        for statement in ("UPDATE access_auditentry SET actor = ''", "TRUNCATE access_auditentry"):
            with pytest.raises(psycopg.errors.RaiseException, match="written once"), superuser.transaction():
                superuser.execute(statement.encode())


BREACHES = [
    ("ALTER TABLE access_auditentry OWNER TO {application}", "owns the table"),
    ("ALTER FUNCTION access_auditentry_is_written_once() OWNER TO {application}", "owns the function"),
    ("ALTER DATABASE {database} OWNER TO {application}", "owns the database"),
    ("ALTER SCHEMA public OWNER TO {application}", "owns the schema"),
    ("GRANT {owner} TO {application}", "owns the table"),
    ("GRANT DELETE ON access_auditentry TO {application}", "right to DELETE"),
    ("GRANT UPDATE ON access_auditentry TO PUBLIC", "right to UPDATE"),
    ("GRANT UPDATE (reason) ON access_auditentry TO {application}", "UPDATE a column"),
    ("ALTER TABLE access_auditentry DISABLE TRIGGER written_once", "written_once does not always fire"),
    ("DROP TRIGGER never_emptied ON access_auditentry", "never_emptied does not always fire"),
]
BEYOND = [
    ("ALTER ROLE {application} SUPERUSER", "is a superuser"),
    ("GRANT {superuser} TO {application}", "can become the superuser"),
    ("ALTER ROLE {application} CREATEROLE", "may create roles"),
    ("CREATE ROLE powerful_for_a_test CREATEROLE ROLE {application}", "may create roles"),
    ("GRANT pg_write_all_data TO {application}", "right to UPDATE"),
    ("GRANT pg_execute_server_program TO {application}", "the server's own account"),
]


def breach(place: Place, superuser: psycopg.Connection[tuple[object, ...]], statement: str) -> None:
    names = {name: getattr(place, name) for name in ("application", "owner", "deployer", "database")}
    names["superuser"] = str(urlsplit(place.superuser_url).username)
    superuser.execute(
        sql.SQL(statement).format(**{name: sql.Identifier(value) for name, value in names.items()})
    )


@pytest.mark.parametrize(("statement", "said"), BREACHES)
def test_a_breach_is_told_and_mended(
    place: Place, superuser: psycopg.Connection[tuple[object, ...]], statement: str, said: str
) -> None:
    assert place.faults(superuser) == ""
    breach(place, superuser, statement)
    assert said in place.faults(superuser)
    audit_protection.protect(superuser, place.application, place.owner)
    assert place.faults(superuser) == ""


@pytest.mark.parametrize(("statement", "said"), BEYOND)
def test_a_breach_that_is_not_about_the_audit_alone_is_told_and_left(
    place: Place, superuser: psycopg.Connection[tuple[object, ...]], statement: str, said: str
) -> None:
    breach(place, superuser, statement)
    assert said in place.faults(superuser)
    with pytest.raises(NotProtected, match=said):
        audit_protection.protect(superuser, place.application, place.owner)


def test_who_only_reads_keeps_that(place: Place, superuser: psycopg.Connection[tuple[object, ...]]) -> None:
    superuser.execute(f"CREATE ROLE reader_{place.tag}; CREATE ROLE writer_{place.tag}".encode())
    superuser.execute(f"GRANT SELECT ON access_auditentry TO reader_{place.tag}".encode())
    superuser.execute(f"GRANT SELECT, DELETE ON access_auditentry TO writer_{place.tag}".encode())
    audit_protection.protect(superuser, place.application, place.owner)
    rights = "SELECT has_table_privilege(%s, 'access_auditentry', %s)"
    for role, act, expected in [("reader", "SELECT", True), ("writer", "DELETE", False)]:
        assert superuser.execute(rights, [f"{role}_{place.tag}", act]).fetchone() == (expected,)


def test_the_deployer_protects_again_without_a_change(place: Place) -> None:
    with place.connection(place.deployer) as deployer:
        assert audit_protection.protect(deployer, place.application, place.owner) == 0


def test_the_deployer_hands_over_what_it_migrates_later(place: Place) -> None:
    with (
        place.connection(place.deployer) as deployer,
        deployer.transaction(force_rollback=True),
    ):
        deployer.execute(b"CREATE TABLE later (id int GENERATED BY DEFAULT AS IDENTITY, kind text)")
        deployer.execute(b"CREATE FUNCTION later_on(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1'")
        deployer.execute(b"ALTER TABLE access_apiclient ADD COLUMN later int")
        deployer.execute(b"ALTER TABLE access_auditentry ADD COLUMN later int")
        assert audit_protection.protect(deployer, place.application, place.owner) == 2
        owner = deployer.execute(
            b"SELECT tableowner::text FROM pg_tables WHERE tablename = 'later'"
        ).fetchone()
        assert owner == (place.application,)


@pytest.mark.parametrize(
    ("role", "application", "why"),
    [
        ("application", "application", "is the application's own role"),
        ("deployer", "nobody", "There is no role nobody"),
    ],
)
def test_what_cannot_be_protected_is_said(place: Place, role: str, application: str, why: str) -> None:
    named = getattr(place, application, application)
    with place.connection(getattr(place, role)) as connection, pytest.raises(NotProtected, match=why):
        audit_protection.protect(connection, named, place.owner)


@pytest.mark.django_db
def test_where_the_application_is_a_superuser_a_deployment_check_warns() -> None:
    found = checks.run_checks(
        tags=[checks.Tags.database], databases=["default"], include_deployment_checks=True
    )
    [warning] = [message for message in found if message.id == "access.W004"]
    assert "is a superuser" in warning.msg
    found = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    assert "access.W004" not in [message.id for message in found], "no word of it where nothing is deployed"


def test_a_release_runs_nothing_that_the_application_has_planted_with_more_rights(
    place: Place, application: psycopg.Connection[tuple[object, ...]]
) -> None:
    """Migrations write to tables of the application's, `auth_group` among them."""
    application.execute(ADD)
    (before,) = application.execute("SELECT count(*) FROM access_auditentry").fetchone() or (0,)
    application.execute("""
        CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO seen_as VALUES (current_user);
            RETURN NULL;
        END $$
    """)
    application.execute("CREATE TABLE seen_as (name text)")
    application.execute(
        "CREATE TRIGGER planted BEFORE INSERT ON auth_group FOR EACH STATEMENT EXECUTE FUNCTION planted()"
    )
    try:
        protect = ["protect_audit", "--migrate", "--application", place.application, "--owner", place.owner]
        place.run(place.deployer, "manage.py", *protect)
        names = {name for (name,) in application.execute("SELECT name FROM seen_as").fetchall()}
        assert names == {place.application}
        assert application.execute("SELECT count(*) FROM access_auditentry").fetchone() == (before,)
    finally:
        application.execute("DROP TRIGGER planted ON auth_group")
        application.execute("DROP TABLE seen_as")
        application.execute("DROP FUNCTION planted")
