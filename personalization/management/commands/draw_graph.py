"""Draws the graph in Spanner by hand as the night would."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from capture.sinks.base import BatchRefused, Unavailable
from personalization.graph_copy import drawing


class Command(BaseCommand):
    help = (
        "Write into Spanner whom the database remembers otherwise than the graph has them, and remove whom it does "
        "not know, as the scheduler does every night. May be run again at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--owed",
            action="store_true",
            help="only whose settings have changed since, as the scheduler does every 5 s",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ENABLE_SPANNER:
            raise CommandError(
                "Spanner is off; set ENABLE_SPANNER=true, SPANNER_PROJECT and SPANNER_INSTANCE."
            )
        try:
            owed, drawn = drawing.settle(), 0 if options["owed"] else drawing.draw()
        except (Unavailable, BatchRefused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"the graph of {owed + drawn:,} people drawn anew or removed")
