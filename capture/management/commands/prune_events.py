from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from capture import retention


class Command(BaseCommand):
    help = "Drops the days of the log that are past their retention and settled, as the scheduler does every night."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be dropped, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        pruned = retention.prune(is_dry_run=options["dry_run"])
        verb = "would drop" if options["dry_run"] else "dropped"
        for day, count in pruned.dropped.items():
            self.stdout.write(f"{verb} {day}: {count:,} events")
        for sentence in pruned.held.values():
            self.stdout.write(f"kept: {sentence}")
        if not pruned.dropped and not pruned.held:
            self.stdout.write("no day of the log is past its retention")
        if not options["dry_run"]:
            self.stdout.write(
                f"removed {pruned.batches:,} batches, {pruned.dead_letters:,} dead letters, "
                f"{pruned.event_keys:,} event ids"
            )
