"""`manage.py check_schema`: one line for every place where a live table is not as the vocabulary has it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from capture import schema_check, sinks

COMPARED = ("bigquery", "pubsub", "spanner")
"""Stores that can differ from what they should be."""


class Command(BaseCommand):
    help = "Compares the live tables with the vocabulary; ends with 1 when they differ."

    def handle(self, *args: Any, **options: Any) -> None:
        if not any(sinks.is_enabled(name) for name in settings.SINKS if name in COMPARED):
            raise CommandError("BigQuery is off; set ENABLE_BIGQUERY=true and BIGQUERY_PROJECT.")
        try:
            found = schema_check.run()
        except schema_check.Unanswered as error:
            for drift in error.found:
                self.stdout.write(str(drift))
            raise CommandError(str(error)) from error
        for drift in found:
            self.stdout.write(str(drift))
        if found:
            raise CommandError(f"{len(found)} differences from the vocabulary.")
        self.stdout.write("The live tables are as the vocabulary has them.")
