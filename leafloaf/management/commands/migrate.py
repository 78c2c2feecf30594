"""`manage.py migrate`, which never makes everybody wait behind one long transaction.

A change of a table waits for whoever uses it, and whoever comes after waits for the change, reading included. So it
gives up after `--lock-timeout`, lets the others through, and tries again. What is built concurrently (a migration that
is not atomic) stops nobody, and waits as long as it takes. No statement is cut short for taking long.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.migrations import Migration
from psycopg import errors

LOCK_TIMEOUT, TRIES, PAUSE_SECONDS = 3.0, 20, 2.0


class Command(migrate.Command):
    help = f"{migrate.Command.help} Waits a moment for a table that is in use, lets others through, and tries again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-timeout",
            type=float,
            default=LOCK_TIMEOUT,
            metavar="SECONDS",
            help="how long a change waits for a table, and others for the change (default: %(default)s)",
        )
        parser.add_argument(
            "--tries", type=int, default=TRIES, help="how often it is tried (default: %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.database, self.lock_timeout = options["database"], options["lock_timeout"]
        with self.patient():
            tries_left = options["tries"]
            while not self.is_done(tries_left, *args, **options):
                tries_left -= 1
                time.sleep(PAUSE_SECONDS)

    def is_done(self, tries_left: int, *args: Any, **options: Any) -> bool:
        """Migrates; False when a table was in use. What has been applied by then stays."""
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable) or tries_left <= 1:
                raise
            self.stderr.write(f"A table is in use; tried again in {PAUSE_SECONDS:.0f} s.")
            return False
        return True

    @contextmanager
    def patient(self) -> Iterator[None]:
        try:
            self.say("statement_timeout", 0)
            self.say("lock_timeout", self.lock_timeout)
            yield
        finally:
            self.say("statement_timeout", None)
            self.say("lock_timeout", None)

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        if action in ("apply_start", "unapply_start") and migration is not None:
            self.say("lock_timeout", self.lock_timeout if migration.atomic else 0)
        super().migration_progress_callback(action, migration, fake)

    def say(self, setting: str, seconds: float | None) -> None:
        """Sets it for this connection; None is as the role and the address of the database have it."""
        value = "DEFAULT" if seconds is None else f"'{round(seconds * 1000)}ms'"
        with connections[self.database].cursor() as cursor:
            cursor.execute(f"SET {setting} = {value}")
