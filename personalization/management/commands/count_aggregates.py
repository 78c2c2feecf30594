from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from personalization.aggregation import aggregates


class Command(BaseCommand):
    help = "Counts now what all shoppers together did, as the scheduler does when it is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="count everything anew from the log")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rebuild"]:
            aggregates.rebuild()
        else:
            aggregates.count()
        self.stdout.write("counted")
