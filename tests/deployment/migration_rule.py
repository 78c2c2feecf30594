"""The rule for migrations: old code and new code both run on what a migration leaves, and nobody waits for it.

docs/deployment.md says it in prose. A migration is read, not run; what it says in SQL is read by its first words, and
what nobody has thought about is refused.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import PositiveIntegerRelDbTypeMixin

GONE = (
    "the release that still runs reads it. Have a release stop using it first, then remove it in a later one, whose "
    'migration says `contracts = "VERSION"`: the release that stopped'
)
RENAMED = "the release that still runs knows the old name. Add the new one, write both, copy, then remove the old one"
RETYPED = (
    "it rewrites the table, and the release that still runs expects the old type. Add a column beside it"
)
REMADE = (
    "the table is written anew under a lock that stops everybody. Make another table as it should be, write both, and "
    "copy by a command in batches"
)
MANDATORY = (
    "the release that still runs leaves it out when it inserts. Make it null=True, or give it a db_default"
)
UNDEFAULTED = (
    "the release that still runs leaves the column to its default. Have a release write the value itself first, then "
    'take the default away in a later one, whose migration says `contracts = "VERSION"`: the release that began to'
)
TIGHTENED = (
    "the table is read through under a lock that stops everybody. Add a check with AddConstraintNotValid (a foreign "
    "key with db_constraint=False, then ADD CONSTRAINT … NOT VALID), and ValidateConstraint in a migration after it"
)
REWRITTEN = (
    "the table is written anew under a lock that stops everybody. Add a plain column with null=True, or a constant for "
    "db_default; any other default comes by AlterField after it, and a command fills the rows in batches"
)
INDEXED = (
    "nobody can write while it is built. Use AddIndexConcurrently in a migration of its own with atomic = False; on "
    "the log, an index ON ONLY capture_event, one CONCURRENTLY on each partition, then ATTACH PARTITION"
)
UNINDEXED = (
    "everybody waits for it. Use RemoveIndexConcurrently, or DROP INDEX CONCURRENTLY, in a migration of its own with "
    "atomic = False"
)
UNIQUE = "its index is built under a lock. Build it CONCURRENTLY, then ADD CONSTRAINT … UNIQUE USING INDEX"
COPIED = (
    "it holds its rows until all are done. Write a command that goes in batches, and run it after the release"
)
REFRESHED = "nobody can read it meanwhile. Say CONCURRENTLY; it needs a unique index"
CALLED = "what it does is not written here. Write it out as statements, or in a command that is run after the release"
ALONE = "what is not atomic cannot be undone when it fails half-way: one operation, in a migration of its own"
UNKNOWN = (
    "nobody has said whether it is safe. Look up what it locks, and for how long; then say so in "
    "tests/deployment/migration_rule.py"
)

HARMLESS = (
    operations.AlterModelOptions,
    operations.AlterModelManagers,
    operations.AlterModelTableComment,
    operations.RemoveConstraint,
    operations.RenameIndex,
)
BY_NAME = {
    "AddIndexConcurrently": "",
    "AddIndex": INDEXED,
    "RemoveIndex": UNINDEXED,
    "RemoveIndexConcurrently": "",
    "AddConstraintNotValid": "",
    "ValidateConstraint": "",
    "RenameField": RENAMED,
    "RenameModel": RENAMED,
    "AlterModelTable": RENAMED,
    "RunPython": COPIED,
    "AlterUniqueTogether": UNIQUE,
    "AlterIndexTogether": INDEXED,
}
RETIRED = (GONE, UNDEFAULTED)

NAME = r"[\w.]+"
MADE = rf"CREATE (?:(?:UNLOGGED )?TABLE|MATERIALIZED VIEW) (?!IF NOT EXISTS\b)({NAME})"
TARGETS = (
    rf"CREATE (?:UNIQUE )?INDEX .*?\bON (?:ONLY )?({NAME})",
    rf"ALTER TABLE .* ATTACH PARTITION ({NAME})",
    rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?({NAME})",
    rf"(?:UPDATE|DELETE FROM) (?:ONLY )?({NAME})",
    rf"INSERT INTO ({NAME})(?: \(\))? (?:DEFAULT )?VALUES\b",
    rf"TRUNCATE (?:TABLE )?({NAME})$",
    rf"DROP TABLE ({NAME})$",
    rf"DROP TRIGGER (?:IF EXISTS )?\w+ ON ({NAME})$",
    rf"REFRESH MATERIALIZED VIEW ({NAME})",
)
"""Which table a statement changes, the others being only read."""

STATEMENTS = (
    (r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY\b)(?!(?:IF NOT EXISTS )?(?:\w+ )?ON ONLY )", INDEXED),
    (r"CREATE (?:UNIQUE )?INDEX\b", ""),
    (r"DROP INDEX CONCURRENTLY\b", ""),
    (r"DROP INDEX\b", UNINDEXED),
    (r"DROP\b", GONE),
    (r"REFRESH MATERIALIZED VIEW CONCURRENTLY\b", ""),
    (r"REFRESH\b", REFRESHED),
    (rf"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?{NAME} \(\)(?: (?:PARTITION BY \w+|WITH) \(\))*$", ""),
    (r"CREATE (?:\w+ )?TABLE .*\bAS\b", COPIED),
    (r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|TRIGGER|VIEW)\b", ""),
    (r"CREATE (?:MATERIALIZED VIEW|SEQUENCE|TYPE|SCHEMA|EXTENSION|STATISTICS|TEXT SEARCH)\b", ""),
    (rf"ALTER INDEX (?:IF EXISTS )?{NAME} (?:ATTACH PARTITION|RENAME TO)\b", ""),
    (rf"ALTER TYPE {NAME} ADD VALUE\b", ""),
    (r"(?:COMMENT ON|GRANT|ANALYZE)\b", ""),
    (r"(?:WITH|UPDATE|DELETE|INSERT|TRUNCATE|LOCK|CLUSTER|VACUUM|REINDEX|MERGE|COPY)\b", COPIED),
    (r"(?:SELECT|DO|CALL|EXECUTE)\b", CALLED),
)
"""What the first that matches says; what none matches is refused."""

ALTERED = rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{NAME}(?: \*)? (.+)"
COLUMN = r"ALTER (?:COLUMN )?\w+"
CONSTRAINED = r"ADD (?:CONSTRAINT \w+ )?"
ADDED = r"ADD (?:COLUMN )?+(?:IF NOT EXISTS )?+\w++ "
CONSTANT = r"(?:[-+]?[\d.]+|''|TRUE|FALSE|NULL)(?: ?:: ?[\w.]+(?: \(\))?(?:\[\])*)?"
TYPE = rf"{NAME}(?: PRECISION| VARYING)?(?: \(\))?(?: WITH(?:OUT)? TIME ZONE)?(?: ?\[\])*"
ACTIONS = (
    (r"DROP CONSTRAINT\b", ""),
    (r"DROP\b", GONE),
    (r"RENAME CONSTRAINT\b", ""),
    (r"RENAME\b|SET SCHEMA\b", RENAMED),
    (rf"{COLUMN} (?:SET DATA )?TYPE\b", RETYPED),
    (rf"{COLUMN} SET NOT NULL$", TIGHTENED),
    (rf"{COLUMN} DROP (?:DEFAULT|IDENTITY|EXPRESSION)\b", UNDEFAULTED),
    (rf"{COLUMN} (?:DROP NOT NULL$|SET DEFAULT\b|SET STATISTICS\b)", ""),
    (rf"{COLUMN} SET EXPRESSION\b", REWRITTEN),
    (r"SET (?:LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)\b", REMADE),
    (r"(?:SET|RESET) \(\)$|VALIDATE CONSTRAINT\b", ""),
    (rf"{CONSTRAINED}(?:CHECK|FOREIGN KEY)\b.* NOT VALID\b", ""),
    (rf"{CONSTRAINED}(?:CHECK|FOREIGN KEY)\b", TIGHTENED),
    (rf"{CONSTRAINED}(?:UNIQUE|PRIMARY KEY) USING INDEX\b", ""),
    (rf"{CONSTRAINED}(?:UNIQUE|PRIMARY KEY|EXCLUDE)\b", UNIQUE),
    (rf"{ADDED}.*\b(?:CHECK|REFERENCES)\b", TIGHTENED),
    (rf"{ADDED}.*\b(?:UNIQUE|PRIMARY KEY)\b", UNIQUE),
    (rf"{ADDED}(?:\w*SERIAL\d?\b|.*\bGENERATED\b)", REWRITTEN),
    (rf"{ADDED}(?!.*\bDEFAULT\b).*\bNOT NULL\b", MANDATORY),
    (rf"{ADDED}.*\bDEFAULT (?!{CONSTANT}(?: NOT NULL| NULL)?$)", REWRITTEN),
    (rf"{ADDED}{TYPE}(?: NOT NULL| NULL)?(?: DEFAULT {CONSTANT})?(?: NOT NULL| NULL)?$", ""),
)
"""The same of what ALTER TABLE does, between its commas."""


def faults(migration: Migration, before: ProjectState) -> Iterator[str]:
    """What is wrong with a migration, a sentence for each operation; `before` is what it is applied to."""
    state = before.clone()
    new: set[str] = set()
    if not migration.atomic and len(migration.operations) > 1:
        yield f"{migration}: {ALONE}."
    for operation in migration.operations:
        step = state.clone()
        for inner in in_database(operation):
            why = fault(inner, migration.app_label, step, new)
            if why and not (why in RETIRED and contracts(migration)):
                yield f"{migration}: {inner.describe()}: {why}."
            inner.state_forwards(migration.app_label, step)
        operation.state_forwards(migration.app_label, state)


def in_database(operation: Operation) -> Iterator[Operation]:
    if isinstance(operation, operations.SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from in_database(inner)
    else:
        yield operation


def contracts(migration: Migration) -> bool:
    """Whether it says which release stopped using what it removes."""
    return bool(getattr(migration, "contracts", None))


def fault(operation: Operation, label: str, state: ProjectState, new: set[str]) -> str:
    """Why the operation is unsafe; empty when it is not.

    `new` are the tables that the migration has made so far, and which nobody can be using; its own are added.
    """
    if isinstance(operation, operations.CreateModel):
        if operation.options.get("managed", True) and not operation.options.get("proxy"):
            new.add(table(label, operation.name_lower, operation.options))
        return ""
    if isinstance(operation, operations.RunSQL):
        return next((why for why in [of_statement(text, new) for text in texts(operation)] if why), "")
    if on_new(operation, label, state, new) or isinstance(operation, HARMLESS):
        return ""
    if isinstance(operation, operations.RemoveField | operations.DeleteModel):
        return GONE
    if isinstance(operation, operations.AddField):
        return of_new_field(operation.field)
    if isinstance(operation, operations.AlterField):
        old = state.models[label, operation.model_name_lower].fields[operation.name]
        return of_altered(old, operation.field)
    name = type(operation).__name__
    if isinstance(operation, operations.AddConstraint) and name == "AddConstraint":
        return UNIQUE if isinstance(operation.constraint, models.UniqueConstraint) else TIGHTENED
    return BY_NAME.get(name, UNKNOWN)


def table(label: str, model: str, options: dict[str, Any]) -> str:
    return str(options.get("db_table") or f"{label}_{model}").lower()


def on_new(operation: Operation, label: str, state: ProjectState, new: set[str]) -> bool:
    """Whether it changes a model whose table is new."""
    found = state.models.get((label, str(getattr(operation, "model_name", "")).lower()))
    return found is not None and table(label, found.name_lower, found.options) in new


def of_new_field(field: Any) -> str:
    if isinstance(field, models.ManyToManyField):
        return ""
    if isinstance(field, models.GeneratedField) or not constant(field):
        return REWRITTEN
    if not field.null and not field.has_db_default():
        return MANDATORY
    if isinstance(field, PositiveIntegerRelDbTypeMixin) or getattr(field, "db_constraint", False):
        return TIGHTENED
    return INDEXED if field.db_index or field.unique else ""


def constant(field: Any) -> bool:
    """Whether all rows get the same default, which is then written once and not to each."""
    return isinstance(field.db_default, models.Value) or not hasattr(field.db_default, "resolve_expression")


def of_altered(old: Any, new: Any) -> str:
    if old.get_internal_type() != new.get_internal_type() or shorter(old, new):
        return RETYPED
    if old.has_db_default() and not new.has_db_default():
        return UNDEFAULTED
    if old.null and not new.null:
        return TIGHTENED
    if getattr(new, "db_constraint", False) and not getattr(old, "db_constraint", False):
        return TIGHTENED
    if new.unique and not old.unique:
        return UNIQUE
    if new.db_index and not old.db_index:
        return INDEXED
    if old.db_index and not new.db_index:
        return UNINDEXED
    return RENAMED if old.db_column != new.db_column else ""


def shorter(old: Any, new: Any) -> bool:
    sizes = ("max_length", "max_digits", "decimal_places")
    pairs = [(getattr(old, size, None), getattr(new, size, None)) for size in sizes]
    return any(was != now and (was is None or (now is not None and now < was)) for was, now in pairs)


QUOTED = r"""--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|'(?:[^']|'')*'|"(?P<name>[^"]*)\""""
ATOMIC = r"\bBEGIN ATOMIC\b.*?;\s*END\b"


def texts(operation: operations.RunSQL) -> list[str]:
    """The statements, each on one line, without comments, strings, bodies of functions and what is in parentheses."""
    said = operation.sql if isinstance(operation.sql, str) else ";".join(map(text_of, operation.sql))
    bare, found = re.sub(QUOTED, unquoted, said, flags=re.DOTALL), 1
    while found:
        bare, found = re.subn(r"\([^()]*\)", "\0", bare)
    bare = re.sub(ATOMIC, "''", bare.replace("\0", " () "), flags=re.DOTALL | re.IGNORECASE)
    return [one for part in bare.split(";") if (one := " ".join(part.split()))]


def unquoted(found: re.Match[str]) -> str:
    if found[0].startswith(("--", "/*")):
        return " "
    return "''" if found["name"] is None else re.sub(r"\W", "_", found["name"])


def text_of(part: object) -> str:
    return str(part[0]) if isinstance(part, list | tuple) else str(part)


def of_statement(text: str, new: set[str]) -> str:
    """Why a statement is unsafe; empty when it is not, or when what it changes is new."""
    if made := re.match(MADE, text, re.IGNORECASE):
        new.add(made[1].lower())
    changed = next((found for one in TARGETS if (found := re.match(one, text, re.IGNORECASE))), None)
    if changed and changed[1].lower() in new:
        return ""
    if altered := re.fullmatch(ALTERED, text, re.IGNORECASE):
        return next((why for one in altered[1].split(",") if (why := first(ACTIONS, one.strip()))), "")
    return first(STATEMENTS, text)


def first(known: tuple[tuple[str, str], ...], text: str) -> str:
    return next((why for pattern, why in known if re.match(pattern, text, re.IGNORECASE)), UNKNOWN)
