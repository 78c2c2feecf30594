"""`manage.py setup_spanner`: makes database, tables and property graph, or adds what is missing; safe to run again."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from capture.sinks.base import BatchRefused, Unavailable


class Command(BaseCommand):
    help = "Makes Spanner's database, the tables of the graph and the property graph over them; adds what is missing."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ENABLE_SPANNER:
            raise CommandError(
                "Spanner is off; set ENABLE_SPANNER=true, SPANNER_PROJECT and SPANNER_INSTANCE."
            )
        # Only who has it on pays for the client.
        from capture import sinks
        from capture.sinks.spanner import SpannerSink
        from capture.sinks.spanner_setup import SchemaConflict, set_up

        sink = sinks.get("spanner")
        assert isinstance(sink, SpannerSink)  # noqa: S101 (narrows the type)
        try:
            for line in set_up(sink):
                self.stdout.write(line)
        except (Unavailable, BatchRefused, SchemaConflict) as error:
            raise CommandError(str(error)) from error
