"""`manage.py reconcile`: counts again what the stores hold, and sends again what they lost."""

from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from capture import reconcile, sinks


class Command(BaseCommand):
    help = "Asks the stores what they hold of the batches they acknowledged; what they lost is owed to them again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sink", help="only this one; default: all that are on")
        parser.add_argument(
            "--since", type=date.fromisoformat, metavar="DATE", help="first UTC day, YYYY-MM-DD"
        )
        parser.add_argument("--dry-run", action="store_true", help="count only, change nothing")
        parser.add_argument(
            "--min-age",
            type=float,
            default=60,
            metavar="SECONDS",
            help="leave alone what was delivered later than that ago (60)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tallies = [
            reconcile.everything(
                name,
                since=options["since"],
                min_age=timedelta(seconds=options["min_age"]),
                is_dry_run=options["dry_run"],
            )
            for name in self._chosen(options["sink"])
        ]
        for tally in tallies:
            self.stdout.write(str(tally))
            for label, count in tally.lost.items():
                todo = "would be sent again" if options["dry_run"] else "is sent again"
                self.stdout.write(f"  {label} lacks {count} events and {todo}")
        if stopped := [tally.sink for tally in tallies if tally.stopped and not tally.is_unsupported]:
            raise CommandError(f"Not all was counted: {', '.join(stopped)}; run it again.")

    def _chosen(self, name: str | None) -> list[str]:
        if name and not sinks.is_enabled(name):
            raise CommandError(
                f"There is no sink {name!r} that is on; there are {', '.join(settings.SINKS)}."
            )
        return [name] if name else [each for each in settings.SINKS if sinks.is_enabled(each)]
