"""Takes the audit out of the hands of the application's own database role.

The table belongs to a role of its own, as which nobody can sign in; the application's role may read it and add to it,
and owns neither the schema nor the database, whose owner could drop it. Everything else is the application's: it makes
and drops partitions and migrates. `protect` is run by whoever set the database up: a superuser, or, where there is none
(Cloud SQL), the role that made the database and the application's role. It may be run again at any time.

What the application adds it can add falsely; what is there stays. A superuser of the *database* can do anything, which
is why the application has no address of one.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

TABLE = "access_auditentry"
FUNCTION = "access_auditentry_is_written_once"
OWNER = "leafloaf_audit"

Query = Callable[[str, dict[str, Any]], Sequence[tuple[Any, ...]]]

# Each row is a sentence about what lets the application, or a role that it can become, change what was written.
FAULTS = """
    WITH application AS (SELECT oid, rolname FROM pg_roles WHERE rolname = %(application)s),
    can_be AS (
        SELECT r.oid, r.rolname, r.rolsuper, r.rolcreaterole
        FROM pg_roles AS r JOIN application AS a ON pg_has_role(a.oid, r.oid, 'MEMBER')
    ),
    audit AS (SELECT c.oid, c.relowner, c.relnamespace FROM pg_class AS c WHERE c.oid = to_regclass(%(table)s::text))
    SELECT format('There is no role %%s.', %(application)s::text) WHERE NOT EXISTS (SELECT FROM application)
    UNION ALL SELECT format('There is no table %%s.', %(table)s::text) WHERE NOT EXISTS (SELECT FROM audit)
    UNION ALL SELECT format('%%s is a superuser.', r.rolname)
        FROM can_be AS r JOIN application USING (oid) WHERE r.rolsuper
    UNION ALL SELECT format('%%s can become the superuser %%s.', a.rolname, r.rolname)
        FROM application AS a, can_be AS r WHERE r.rolsuper
        AND NOT EXISTS (SELECT FROM can_be AS own WHERE own.oid = a.oid AND own.rolsuper)
    UNION ALL SELECT * FROM (
        SELECT format('%%s may create roles, and so become another.', r.rolname) FROM can_be AS r WHERE r.rolcreaterole
        UNION ALL SELECT format('%%s may do whatever the server''s own account may.', r.rolname)
            FROM can_be AS r WHERE r.rolname IN ('pg_execute_server_program', 'pg_write_server_files')
        UNION ALL SELECT format('%%s owns the table of the audit.', r.rolname)
            FROM can_be AS r JOIN audit ON audit.relowner = r.oid
        UNION ALL SELECT format('%%s owns the function of its trigger.', r.rolname)
            FROM can_be AS r JOIN pg_proc AS p ON p.proowner = r.oid
            JOIN pg_trigger AS t ON t.tgfoid = p.oid JOIN audit ON t.tgrelid = audit.oid
        UNION ALL SELECT format('%%s owns the schema, and so may drop what is in it.', r.rolname)
            FROM can_be AS r JOIN pg_namespace AS n ON n.nspowner = r.oid JOIN audit ON n.oid = audit.relnamespace
        UNION ALL SELECT format('%%s owns the database.', r.rolname)
            FROM can_be AS r JOIN pg_database AS d ON d.datdba = r.oid WHERE d.datname = current_database()
        UNION ALL SELECT format('%%s has the right to %%s it.', a.rolname, act)
            FROM application AS a, audit, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS act
            WHERE has_table_privilege(a.oid, audit.oid, act)
        UNION ALL SELECT format('%%s has the right to UPDATE a column of it.', a.rolname)
            FROM application AS a, audit WHERE has_any_column_privilege(a.oid, audit.oid, 'UPDATE')
            AND NOT has_table_privilege(a.oid, audit.oid, 'UPDATE')
        UNION ALL SELECT format('Its trigger %%s does not always fire.', wanted)
            FROM unnest(ARRAY['written_once', 'never_emptied']) AS wanted WHERE NOT EXISTS (
                SELECT FROM pg_trigger AS t JOIN audit ON t.tgrelid = audit.oid
                WHERE t.tgname = wanted AND t.tgenabled = 'A')
    ) AS more WHERE NOT EXISTS (SELECT FROM can_be WHERE rolsuper) AND EXISTS (SELECT FROM audit)
"""

# What the role that migrates has made, and the application is to own. Parts of an extension, and sequences and types
# that belong to a table, follow what they belong to.
MADE = """
    WITH me AS (SELECT oid FROM pg_roles WHERE rolname = current_user), made AS (
        SELECT 'pg_class'::regclass AS catalog, c.oid, 'TABLE' AS kind, format('%%I.%%I', n.nspname, c.relname) AS name
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace, me
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relowner = me.oid
        AND n.nspname = %(schema)s AND c.relname <> %(table)s
        UNION ALL
        SELECT 'pg_proc'::regclass, p.oid, 'ROUTINE', p.oid::regprocedure::text
        FROM pg_proc AS p, me WHERE p.proowner = me.oid
        AND p.pronamespace = quote_ident(%(schema)s)::regnamespace AND p.proname <> %(function)s
        UNION ALL
        SELECT 'pg_type'::regclass, t.oid, 'TYPE', t.oid::regtype::text
        FROM pg_type AS t, me WHERE t.typowner = me.oid AND t.typnamespace = quote_ident(%(schema)s)::regnamespace
        AND t.typtype IN ('d', 'e', 'r')
        UNION ALL
        SELECT 'pg_type'::regclass, t.oid, 'TYPE', t.oid::regtype::text
        FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid AND c.relkind = 'c', me
        WHERE t.typowner = me.oid AND t.typnamespace = quote_ident(%(schema)s)::regnamespace
        UNION ALL
        SELECT 'pg_ts_config'::regclass, f.oid, 'TEXT SEARCH CONFIGURATION', f.oid::regconfig::text
        FROM pg_ts_config AS f, me WHERE f.cfgowner = me.oid AND f.cfgnamespace = quote_ident(%(schema)s)::regnamespace
        UNION ALL
        SELECT 'pg_ts_dict'::regclass, d.oid, 'TEXT SEARCH DICTIONARY', d.oid::regdictionary::text
        FROM pg_ts_dict AS d, me WHERE d.dictowner = me.oid AND d.dictnamespace = quote_ident(%(schema)s)::regnamespace
    )
    SELECT kind, name FROM made WHERE NOT EXISTS (
        SELECT FROM pg_depend AS d WHERE d.classid = made.catalog AND d.objid = made.oid
        AND (d.deptype = 'e' OR d.deptype IN ('a', 'i') AND d.refobjsubid > 0)
    )
"""


OWNS = """
    SELECT EXISTS (
        SELECT FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE r.rolname = %s AND c.relkind = 'r'
    )
"""


class NotProtected(RuntimeError):
    """It cannot be done, and why."""


def faults(query: Query, application: str, table: str = TABLE) -> list[str]:
    """Why this role could change or delete what the audit says; nothing means that it cannot."""
    return [sentence for (sentence,) in query(FAULTS, {"application": application, "table": table})]


def owns_tables(connection: psycopg.Connection[Any], role: str) -> bool:
    """Whether there are tables of this role's, on which it may have put whatever it likes."""
    with connection.transaction():
        connection.execute("SET LOCAL search_path = pg_catalog")
        found = connection.execute(OWNS, [role]).fetchone()
    return bool(found and found[0])


def protect(connection: psycopg.Connection[Any], application: str, owner: str = OWNER) -> int:
    """Sets the protection up, all of it or nothing; returns how many tables and functions were handed over.

    Args:
        connection: as the role that set the database up.
        application: the role that the application connects as.
        owner: the role that the audit is to belong to; made when it is missing.

    Raises:
        NotProtected: something that this cannot mend lets the application change the audit.
        psycopg.Error: the role of the connection lacks a right.
    """
    with connection.transaction():
        before = connection.execute("SHOW search_path").fetchone()
        count = Protection(connection, application, owner).set_up()
        connection.execute("SELECT set_config('search_path', %s, true)", before)
    return count


class Protection:
    def __init__(self, connection: psycopg.Connection[Any], application: str, owner: str) -> None:
        self.connection = connection
        self.application = application
        self.owner = owner
        self.me, self.is_superuser, self.database, self.schema = self._one(
            "SELECT rolname, rolsuper, current_database(), current_schema() FROM pg_roles WHERE rolname = current_user"
        )
        # The application may make functions in its schema: none of them may be taken here for one of Postgres'.
        self.connection.execute("SET LOCAL search_path = pg_catalog")
        self.table = sql.Identifier(self.schema, TABLE).as_string(connection)

    def set_up(self) -> int:
        self._refuse_what_cannot_be()
        self._make_owner()
        self._take_places()
        handed_over = self._hand_over()
        self._take_the_table()
        self._grant()
        if left := faults(self._all, self.application, self.table):
            raise NotProtected(" ".join(left))
        return handed_over

    def _refuse_what_cannot_be(self) -> None:
        if self.me == self.application:
            raise NotProtected(
                f"{self.me} is the application's own role; use that of who set the database up."
            )
        if not self._one("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", self.application)[0]:
            raise NotProtected(f"There is no role {self.application}.")
        if not self._one("SELECT to_regclass(%s) IS NOT NULL", self.table)[0]:
            raise NotProtected(f"There is no table {TABLE} yet: migrate first.")

    def _make_owner(self) -> None:
        if not self._one("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", self.owner)[0]:
            self._do("CREATE ROLE {owner} NOLOGIN")
        if not self.is_superuser:  # who is not has to be a member of a role to give it something
            for role in (self.owner, self.application):
                if not self._one("SELECT pg_has_role(%s, %s, 'USAGE')", self.me, role)[0]:
                    self._do("GRANT {role} TO {me}", role=role)
        if self._one("SELECT pg_has_role(%s, %s, 'MEMBER')", self.application, self.owner)[0]:
            self._do("REVOKE {owner} FROM {application}")

    def _hand_over(self) -> int:
        """What was migrated by another role becomes the application's."""
        made = self._all(MADE, {"table": TABLE, "function": FUNCTION, "schema": self.schema})
        for kind, name in made:  # names that Postgres has quoted itself
            self._do(f"ALTER {kind} {name} OWNER TO {{application}}")
        return len(made)

    def _take_places(self) -> None:
        """Who owns a schema or a database may drop what is in it."""
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        if self._one(owner)[0] == self.application:
            self._do("ALTER DATABASE {database} OWNER TO {me}")
        owner = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s"
        if self._one(owner, self.schema)[0] == self.application:
            self._do("ALTER SCHEMA {schema} OWNER TO {me}")
        self._do("GRANT USAGE, CREATE ON SCHEMA {schema} TO {application}")
        self._do("GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {application}")

    def _take_the_table(self) -> None:
        self._do("GRANT USAGE, CREATE ON SCHEMA {schema} TO {owner}")
        self._do("ALTER TABLE {table} OWNER TO {owner}")
        self._do("ALTER FUNCTION {function}() OWNER TO {owner}")
        self._do("REVOKE CREATE ON SCHEMA {schema} FROM {owner}")

    def _grant(self) -> None:
        self._do("SET LOCAL ROLE {owner}")
        self._do(
            "CREATE OR REPLACE TRIGGER never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
        for trigger in ("written_once", "never_emptied"):
            self._do(f"ALTER TABLE {{table}} ENABLE ALWAYS TRIGGER {trigger}")
        for role in self._grantees():
            self._do("REVOKE ALL ON {table} FROM " + ("PUBLIC" if role == "PUBLIC" else "{role}"), role=role)
        self._do("GRANT SELECT, INSERT ON {table} TO {application}")
        self._do("RESET ROLE")

    def _grantees(self) -> Iterator[str]:
        """Who has a right to the table or a column of it, beside its owner; who only reads keeps that."""
        rows = self._all(
            """
            SELECT DISTINCT coalesce(r.rolname, 'PUBLIC')
            FROM (
                SELECT relacl FROM pg_class WHERE oid = to_regclass(%(table)s)
                UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid = to_regclass(%(table)s)
            ) AS lists (acl), aclexplode(acl) AS given LEFT JOIN pg_roles AS r ON r.oid = given.grantee
            WHERE given.grantee <> (SELECT relowner FROM pg_class WHERE oid = to_regclass(%(table)s))
            AND given.privilege_type <> 'SELECT'
            """,
            {"table": self.table},
        )
        yield from (name for (name,) in rows)

    def _one(self, query: str, *parameters: str) -> tuple[Any, ...]:
        found = self.connection.execute(query.encode(), parameters).fetchone()
        if found is None:
            raise NotProtected("The database says nothing about itself.")
        return tuple(found)

    def _all(self, query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode(), parameters).fetchall()

    def _do(self, statement: str, role: str = "") -> None:
        names = {
            "application": self.application,
            "owner": self.owner,
            "me": self.me,
            "database": self.database,
            "schema": self.schema,
            "role": role,
        }
        quoted = {name: sql.Identifier(value) for name, value in names.items()}
        quoted |= {
            "table": sql.Identifier(self.schema, TABLE),
            "function": sql.Identifier(self.schema, FUNCTION),
        }
        self.connection.execute(sql.SQL(statement).format(**quoted))
