"""`manage.py setup_bigquery`: makes dataset, tables and views, or adds missing columns; safe to run again."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from capture import sinks
from capture.sinks.base import Unavailable
from capture.sinks.bigquery import BigQuerySink
from capture.sinks.bigquery_setup import SchemaConflict, set_up


class Command(BaseCommand):
    help = "Makes the five event tables, day-partitioned, clustered, expiring, and the views; adds what is missing."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ENABLE_BIGQUERY:
            raise CommandError("BigQuery is off; set ENABLE_BIGQUERY=true and BIGQUERY_PROJECT.")
        sink = sinks.get("bigquery")
        assert isinstance(sink, BigQuerySink)  # noqa: S101 (narrows the type)
        try:
            for line in set_up(sink, settings.RAW_EVENT_RETENTION_DAYS):
                self.stdout.write(line)
        except (Unavailable, SchemaConflict) as error:
            raise CommandError(str(error)) from error
