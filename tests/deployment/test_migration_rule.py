"""Every migration since the first release keeps the rule of docs/deployment.md, and the rule refuses what it should."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Upper

from tests.deployment import migration_rule
from tests.deployment.migration_rule import (
    ALONE,
    CALLED,
    COPIED,
    GONE,
    INDEXED,
    MANDATORY,
    REFRESHED,
    REMADE,
    RENAMED,
    RETYPED,
    REWRITTEN,
    TIGHTENED,
    UNDEFAULTED,
    UNINDEXED,
    UNIQUE,
    UNKNOWN,
)

OWN = ("access", "capture", "catalog", "personalization", "privacy", "staff", "storefront")
BASELINE = Path(__file__).with_name("migrations_baseline.txt")


def baseline() -> set[tuple[str, str]]:
    lines = [line for line in BASELINE.read_text().splitlines() if not line.startswith("#")]
    return {(label, name) for label, _, name in (line.partition(".") for line in lines)}


def found_after(known: set[tuple[str, str]]) -> list[str]:
    """What is wrong with our migrations that are not among those known."""
    loader = MigrationLoader(None)
    new = sorted(key for key in loader.disk_migrations if key[0] in OWN and key not in known)
    return [
        said
        for key in new
        for said in migration_rule.faults(
            loader.disk_migrations[key], loader.project_state(key, at_end=False)
        )
    ]


def test_every_migration_since_the_first_release_keeps_the_rule() -> None:
    assert found_after(baseline()) == []


def test_those_before_it_would_be_refused() -> None:
    """The control: they are read, and what nobody could have released is found in them."""
    said = found_after(baseline() - {("catalog", "0013_staff_list"), ("privacy", "0004_erasure")})
    assert {line.split(":")[0] for line in said} == {"catalog.0013_staff_list", "privacy.0004_erasure"}


def test_the_baseline_names_migrations_that_exist() -> None:
    assert baseline() <= set(MigrationLoader(None).disk_migrations)


def state() -> ProjectState:
    """A table that is in use."""
    fields: list[tuple[str, Any]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20)),
        ("note", models.CharField(max_length=20, null=True)),
        ("kind", models.CharField(max_length=9, db_default="x", db_index=True)),
    ]
    found = ProjectState()
    indexes = [models.Index(fields=["note"], name="by_note")]
    found.add_model(ModelState("shop", "Thing", fields, {"indexes": indexes}))
    return found


def migration(*wanted: Any, **attributes: Any) -> Migration:
    kind = type("Migration", (Migration,), {"operations": list(wanted), **attributes})
    found: Migration = kind("0002_next", "shop")
    return found


def said_of(*wanted: Any, **attributes: Any) -> list[str]:
    return list(migration_rule.faults(migration(*wanted, **attributes), state()))


def index(name: str = "by_name") -> models.Index:
    return models.Index(fields=["name"], name=name)


CHECK = models.CheckConstraint(condition=models.Q(name__gt=""), name="named")
LOUD = models.GeneratedField(expression=Upper("name"), output_field=models.TextField(), db_persist=True)
KEY = models.ForeignKey("shop.Thing", models.CASCADE, null=True)
UNSAFE: list[tuple[Any, str]] = [
    (operations.RemoveField("thing", "name"), GONE),
    (operations.DeleteModel("Thing"), GONE),
    (operations.RenameField("thing", "name", "title"), RENAMED),
    (operations.RenameModel("Thing", "Item"), RENAMED),
    (operations.AlterModelTable("thing", "items"), RENAMED),
    (operations.AddField("thing", "size", models.IntegerField()), MANDATORY),
    (operations.AddField("thing", "size", models.IntegerField(default=3)), MANDATORY),
    (operations.AddField("thing", "size", models.IntegerField(null=True, db_index=True)), INDEXED),
    (operations.AddField("thing", "part_of", KEY), TIGHTENED),
    (operations.AlterField("thing", "name", models.TextField()), RETYPED),
    (operations.AlterField("thing", "name", models.CharField(max_length=10)), RETYPED),
    (operations.AlterField("thing", "note", models.CharField(max_length=20)), TIGHTENED),
    (operations.AlterField("thing", "name", models.CharField(max_length=20, unique=True)), UNIQUE),
    (operations.AlterField("thing", "name", models.CharField(max_length=20, db_index=True)), INDEXED),
    (operations.AddField("thing", "token", models.UUIDField(db_default=RandomUUID())), REWRITTEN),
    (operations.AddField("thing", "token", models.UUIDField(null=True, db_default=RandomUUID())), REWRITTEN),
    (operations.AddField("thing", "loud", LOUD), REWRITTEN),
    (operations.AddField("thing", "size", models.PositiveIntegerField(null=True)), TIGHTENED),
    (operations.AlterField("thing", "kind", models.CharField(max_length=9, db_index=True)), UNDEFAULTED),
    (operations.AlterField("thing", "kind", models.CharField(max_length=9, db_default="x")), UNINDEXED),
    (operations.RemoveIndex("thing", "by_note"), UNINDEXED),
    (operations.AddIndex("thing", index()), INDEXED),
    (operations.AddConstraint("thing", CHECK), TIGHTENED),
    (operations.AddConstraint("thing", models.UniqueConstraint(fields=["name"], name="once")), UNIQUE),
    (operations.AlterUniqueTogether("thing", {("name", "note")}), UNIQUE),
    (operations.RunPython(operations.RunPython.noop), COPIED),
    (operations.RunSQL("CREATE INDEX i ON shop_thing (name)"), INDEXED),
    (operations.RunSQL("DROP INDEX i"), UNINDEXED),
    (
        operations.RunSQL(
            "COMMENT ON TABLE shop_thing IS 'so -- so'; ALTER TABLE shop_thing DROP COLUMN name"
        ),
        GONE,
    ),
    (operations.RunSQL("ALTER TABLE shop_thing DROP name"), GONE),
    (operations.RunSQL("DROP TABLE shop_thing"), GONE),
    (operations.RunSQL("ALTER TABLE shop_thing RENAME name TO title"), RENAMED),
    (operations.RunSQL("ALTER TABLE shop_thing ALTER name TYPE text"), RETYPED),
    (operations.RunSQL("alter table shop_thing alter column name set not null"), TIGHTENED),
    (operations.RunSQL("ALTER TABLE shop_thing ADD CONSTRAINT c CHECK (name > '')"), TIGHTENED),
    (operations.RunSQL("ALTER TABLE shop_thing ADD COLUMN size int NOT NULL"), MANDATORY),
    (operations.RunSQL(["-- why\nUPDATE shop_thing SET name = ''"]), COPIED),
    (operations.RunSQL("LOCK TABLE shop_thing"), COPIED),
    (
        operations.SeparateDatabaseAndState([operations.RunSQL("DELETE FROM shop_thing")]),
        COPIED,
    ),
]


STATEMENTS: list[tuple[str, str]] = [
    ("ALTER TABLE shop_thing ADD CHECK (name > '')", TIGHTENED),
    ("ALTER TABLE shop_thing ADD CHECK (NOT valid)", TIGHTENED),
    ("ALTER TABLE shop_thing ADD FOREIGN KEY (kind) REFERENCES shop_kind", TIGHTENED),
    ("ALTER TABLE shop_thing ADD CONSTRAINT c FOREIGN KEY (kind) REFERENCES shop_kind", TIGHTENED),
    ("ALTER TABLE shop_thing ADD UNIQUE (name)", UNIQUE),
    ("ALTER TABLE shop_thing ADD PRIMARY KEY (name)", UNIQUE),
    ("ALTER TABLE shop_thing ADD COLUMN size int CHECK (size > 0)", TIGHTENED),
    ("ALTER TABLE shop_thing ADD COLUMN size int REFERENCES shop_kind", TIGHTENED),
    ("ALTER TABLE shop_thing ADD size int UNIQUE", UNIQUE),
    ("ALTER TABLE shop_thing ADD COLUMN token uuid DEFAULT gen_random_uuid()", REWRITTEN),
    ("ALTER TABLE shop_thing ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid()", REWRITTEN),
    ("ALTER TABLE shop_thing ADD COLUMN token text DEFAULT 'a' || random()", REWRITTEN),
    ("ALTER TABLE shop_thing ADD COLUMN size bigserial", REWRITTEN),
    ("ALTER TABLE shop_thing ADD a int DEFAULT 3, ADD b uuid DEFAULT gen_random_uuid()", REWRITTEN),
    ("ALTER TABLE shop_thing ADD a int DEFAULT 3, ADD b int NOT NULL", MANDATORY),
    ("ALTER TABLE shop_thing ADD COLUMN size int, DROP COLUMN name", GONE),
    ("ALTER TABLE shop_thing SET LOGGED", REMADE),
    ("ALTER TABLE shop_thing ALTER COLUMN loud SET EXPRESSION AS (lower(name))", REWRITTEN),
    ("ALTER TABLE shop_thing ALTER COLUMN kind DROP DEFAULT", UNDEFAULTED),
    ("ALTER TABLE shop_thing DISABLE TRIGGER ALL", UNKNOWN),
    ("ALTER TABLE shop_thing ATTACH PARTITION shop_old FOR VALUES IN (1)", UNKNOWN),
    ("REFRESH MATERIALIZED VIEW shop_view", REFRESHED),
    ("WITH x AS (SELECT 1) UPDATE shop_thing SET name = ''", COPIED),
    ("SELECT rewrite_everything()", CALLED),
    ("DO $$ BEGIN END $$", CALLED),
    ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; DROP TABLE shop_thing", GONE),
    ("SET lock_timeout = 0", UNKNOWN),
    ("REVOKE SELECT ON shop_thing FROM somebody", UNKNOWN),
    ("COMMENT ON TABLE shop_thing IS '-- so'; DROP TABLE shop_thing", GONE),
    ("CREATE TABLE shop_new AS SELECT * FROM shop_thing", COPIED),
    ("CREATE TABLE shop_new (a int); UPDATE shop_thing SET name = '' FROM shop_new", COPIED),
    ("CREATE TABLE shop_new (a int); DELETE FROM shop_thing USING shop_new", COPIED),
    (
        "CREATE TABLE shop_new (a int); UPDATE shop_thing SET name = '' WHERE id IN (SELECT a FROM shop_new)",
        COPIED,
    ),
    ("CREATE TABLE shop_new (a int); INSERT INTO shop_new SELECT id FROM shop_thing", COPIED),
    ("CREATE TABLE shop_new (a int); TRUNCATE shop_new, shop_thing", COPIED),
    ("CREATE TABLE shop (a int); CREATE INDEX i ON shop.thing (a)", INDEXED),
    ("CREATE TABLE thing (a int); CREATE INDEX i ON shop_thing (name)", INDEXED),
    ("CREATE TABLE IF NOT EXISTS shop_thing (a int); CREATE INDEX i ON shop_thing (name)", INDEXED),
    ("DROP TABLE shop_thing; CREATE TABLE shop_thing (a int)", GONE),
]


@pytest.mark.parametrize(("sql", "why"), STATEMENTS)
def test_what_a_statement_would_do_to_those_who_use_the_table_is_refused(sql: str, why: str) -> None:
    [said] = said_of(operations.RunSQL(sql))
    assert said.endswith(f"{why}.")


def test_a_table_made_beside_it_does_not_excuse_a_model_of_that_name() -> None:
    [said] = said_of(operations.RunSQL("CREATE TABLE thing (a int)"), operations.AddIndex("thing", index()))
    assert said.endswith(f"{INDEXED}.")


@pytest.mark.parametrize(("operation", "why"), UNSAFE, ids=lambda one: getattr(one, "describe", str)()[:40])
def test_what_old_code_or_readers_could_not_bear_is_refused_and_said_how_else(
    operation: Any, why: str
) -> None:
    [said] = said_of(operation)
    assert said.startswith("shop.0002_next: ")
    assert said.endswith(f"{why}.")


SAFE: list[Any] = [
    operations.AddField("thing", "size", models.IntegerField(null=True)),
    operations.AddField("thing", "size", models.IntegerField(db_default=3)),
    operations.AlterField("thing", "name", models.CharField(max_length=40)),
    operations.AlterField("thing", "name", models.CharField(max_length=20, choices=[("a", "A")])),
    operations.AlterField("thing", "name", models.CharField(max_length=20, null=True)),
    operations.RemoveConstraint("thing", "named"),
    AddConstraintNotValid("thing", CHECK),
    operations.RunSQL("CREATE INDEX i ON ONLY capture_event (xid)"),
    operations.RunSQL("ALTER INDEX i ATTACH PARTITION j"),
    operations.RunSQL("ALTER TABLE shop_thing ADD COLUMN size int NOT NULL DEFAULT 3"),
    operations.RunSQL("ALTER TABLE shop_thing ADD CONSTRAINT c CHECK (name > '') NOT VALID"),
    operations.RunSQL("CREATE TABLE shop_new (id int); CREATE INDEX i ON shop_new (id)"),
    operations.RunSQL("CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ BEGIN UPDATE t SET x = 1; END $$"),
    operations.SeparateDatabaseAndState([], [operations.RemoveField("thing", "name")]),
    operations.AddField("thing", "size", models.IntegerField(db_default=models.Value(3))),
    operations.AlterField("thing", "note", models.CharField(max_length=20, null=True, db_default="y")),
    operations.AlterField(
        "thing", "note", models.CharField(max_length=20, null=True, db_default=RandomUUID())
    ),
    operations.AlterField("thing", "kind", models.CharField(max_length=9, db_default="y", db_index=True)),
    RemoveIndexConcurrently("thing", "by_note"),
    operations.RunSQL(operations.RunSQL.noop),
    *map(
        operations.RunSQL,
        [
            "ALTER TABLE shop_thing ADD CHECK (name > '') NOT VALID",
            "ALTER TABLE shop_thing ADD CONSTRAINT c FOREIGN KEY (kind) REFERENCES shop_kind (id) NOT VALID",
            "ALTER TABLE shop_thing VALIDATE CONSTRAINT c",
            "ALTER TABLE shop_thing ADD CONSTRAINT c UNIQUE USING INDEX i",
            "ALTER TABLE shop_thing DROP CONSTRAINT c, ALTER name DROP NOT NULL",
            "ALTER TABLE shop_thing ALTER COLUMN token SET DEFAULT gen_random_uuid()",
            "ALTER TABLE shop_thing ADD size numeric(10, 2), ADD COLUMN at timestamp with time zone NULL",
            "ALTER TABLE shop_thing ADD COLUMN IF NOT EXISTS said jsonb DEFAULT '{}'::jsonb NOT NULL",
            "ALTER TABLE shop_thing ADD COLUMN generated date",
            "ALTER TABLE shop_thing SET (fillfactor = 80)",
            "CREATE UNIQUE INDEX CONCURRENTLY i ON shop_thing (name)",
            "DROP INDEX CONCURRENTLY i",
            "CREATE SEQUENCE shop_number",
            "ALTER TYPE shop_size ADD VALUE 'large'",
            "ALTER TABLE shop_thing RENAME CONSTRAINT c TO d",
            "CREATE TABLE shop_new (a int); TRUNCATE shop_new",
            "CREATE TABLE shop_new (a int); DROP TABLE shop_new",
            "CREATE TABLE shop_new (a int); DROP TRIGGER w ON shop_new",
            "CREATE MATERIALIZED VIEW shop_view AS SELECT 1 WITH NO DATA; REFRESH MATERIALIZED VIEW shop_view",
            "CREATE UNLOGGED TABLE shop_new (a int) WITH (fillfactor = 80)",
            "CREATE FUNCTION f() RETURNS TABLE (a int) LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC UPDATE t SET a = 1; SELECT 1; END",
            "CREATE TRIGGER w AFTER UPDATE ON shop_thing REFERENCING NEW TABLE AS n EXECUTE FUNCTION f()",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY shop_view",
            "COMMENT ON TABLE shop_thing IS 'DROP TABLE x; not -- this'",
            "CREATE TABLE shop_new (a int); INSERT INTO shop_new (a) VALUES (1); UPDATE shop_new SET a = 2",
            'CREATE TABLE "shop_new"(a int); ALTER TABLE ONLY shop_new ADD CHECK (a > 0)',
            "CREATE TABLE p (a int); ALTER TABLE shop_thing ATTACH PARTITION p FOR VALUES IN (1)",
        ],
    ),
]


@pytest.mark.parametrize("operation", SAFE, ids=lambda one: one.describe()[:40])
def test_what_both_can_bear_is_let_through(operation: Any) -> None:
    before = state()
    before.add_constraint("shop", "thing", CHECK)
    wanted = migration(operation)
    if isinstance(operation, AddConstraintNotValid):
        before.remove_constraint("shop", "thing", "named")
    assert list(migration_rule.faults(wanted, before)) == []


def test_a_model_of_the_migrations_own_may_have_anything() -> None:
    made = operations.CreateModel(
        "New", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]
    )
    indexed = operations.RunSQL("CREATE INDEX i ON shop_new (name)")
    assert said_of(made, operations.AddIndex("new", index()), indexed) == []


def test_an_index_is_built_concurrently_in_a_migration_of_its_own() -> None:
    concurrently = AddIndexConcurrently("thing", index())
    assert said_of(concurrently, atomic=False) == []
    [said] = said_of(concurrently, AddIndexConcurrently("thing", index("again")), atomic=False)
    assert said.endswith(f"{ALONE}.")


def test_a_check_is_validated_after_it_was_added() -> None:
    before = state()
    before.add_constraint("shop", "thing", CHECK)
    assert list(migration_rule.faults(migration(ValidateConstraint("thing", "named")), before)) == []


@pytest.mark.parametrize(
    "operation",
    [
        operations.RemoveField("thing", "name"),
        operations.RunSQL("ALTER TABLE shop_thing DROP COLUMN name"),
        operations.AlterField("thing", "kind", models.CharField(max_length=9, db_index=True)),
        operations.RunSQL("ALTER TABLE shop_thing ALTER COLUMN kind DROP DEFAULT"),
    ],
)
def test_what_no_release_uses_any_more_may_go(operation: Any) -> None:
    assert said_of(operation, contracts="1.2") == []
