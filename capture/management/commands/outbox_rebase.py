from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from capture import rebase


class Command(BaseCommand):
    help = (
        "Mends a log that was restored from a dump into another cluster: renumbers its transactions so that nothing "
        "is lost or sent twice. Web and workers may run; they wait meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = rebase.run(is_dry_run=options["dry_run"])
        except rebase.RebaseFailed as error:
            raise CommandError(f"Nothing was changed: {error}.") from error
        if done is None:
            self.stdout.write("the log belongs to this cluster: nothing to mend")
            return
        verb = "would renumber" if options["dry_run"] else "renumbered"
        self.stdout.write(
            f"{verb} {done.positions:,} positions to transaction ids up to {done.numbers:,}; "
            f"{done.new_events:,} events written since the restore come last"
        )
