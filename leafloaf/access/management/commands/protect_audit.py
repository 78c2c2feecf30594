"""`manage.py protect_audit --application ROLE`: who has the application's database address cannot change the audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from leafloaf.access import audit_protection


@contextmanager
def as_application(role: str) -> Iterator[None]:
    """Connected by the role that set the database up, but acting as the application's role once that owns the tables.

    Whatever runs by itself on a table of the application's, a trigger or a rule, was the application's to put there. It
    must never run with more rights than the application has.
    """
    connection.ensure_connection()
    if not audit_protection.owns_tables(connection.connection, role):
        yield
        return
    options = connection.settings_dict["OPTIONS"]
    before = options.get("options", "")
    escaped = role.replace("\\", "\\\\").replace(" ", "\\ ")
    try:
        options["options"] = f"{before} -c role={escaped}"
        hang_up()
        yield
    finally:
        options["options"] = before
        hang_up()


def hang_up() -> None:
    database: Any = connection
    database.close()
    database.close_pool()


class Command(BaseCommand):
    help = (
        "Gives the audit to a role of its own, and everything else that was migrated to the application's role. Run it "
        "with DATABASE_URL naming the role that set the database up, after each migration, or again at any time."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--application", required=True, metavar="ROLE", help="the role that the application connects as"
        )
        parser.add_argument(
            "--owner",
            default=audit_protection.OWNER,
            metavar="ROLE",
            help="the role that the audit is to belong to (default: %(default)s)",
        )
        parser.add_argument("--migrate", action="store_true", help="migrate first")

    def handle(self, *args: Any, **options: Any) -> None:
        application = options["application"]
        if options["migrate"]:
            with as_application(application):
                call_command("migrate", interactive=False)
        connection.ensure_connection()
        try:
            count = audit_protection.protect(connection.connection, application, options["owner"])
        except (audit_protection.NotProtected, psycopg.Error) as error:
            raise CommandError(f"The audit is not protected. {error}".strip()) from error
        self.stdout.write(
            f"The audit is protected: {application} may read it and add to it, and no more."
            + (f" {count} other tables, functions and types are {application}'s now." if count else "")
        )
