"""`manage.py export_training_data --from DAY --to DAY [--intent …] [--out FILE|gs://…]`: docs/training-data.md."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from capture.sinks.base import BatchRefused, Unavailable
from leafloaf.storefront import training_export
from leafloaf.storefront.training_export import targets
from leafloaf.storefront.training_export.log import LABELS


class Command(BaseCommand):
    help = "Exports the searches of people who allow it, anonymised, to train models on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", dest="first", type=date.fromisoformat, metavar="DAY", help="first UTC day"
        )
        parser.add_argument(
            "--to", dest="last", type=date.fromisoformat, metavar="DAY", help="last UTC day, included"
        )
        parser.add_argument(
            "--intent", action="append", choices=LABELS, help="only this one; may be repeated"
        )
        parser.add_argument(
            "--out",
            default="",
            metavar="FILE|gs://…",
            help="a JSONL file or a bucket; else the configured one",
        )
        parser.add_argument(
            "--due",
            action="store_true",
            help="the days that the configured bucket lacks, as the scheduler does",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["due"]:
                self._export_due(options)
            else:
                self._export(options)
        except (targets.NoTarget, OSError) as error:
            raise CommandError(str(error)) from error
        except (Unavailable, BatchRefused) as error:
            raise CommandError(f"The store did not take it: {error}") from error

    def _export(self, options: dict[str, Any]) -> None:
        first, last = options["first"], options["last"]
        if first is None or last is None:
            raise CommandError("Name the days: --from DAY --to DAY, or --due.")
        if last < first:
            raise CommandError(f"--to {last} is before --from {first}.")
        labels = [label for label in LABELS if label in (options["intent"] or LABELS)]
        target = targets.of(options["out"])
        for day in training_export.export(training_export.between(first, last), labels, target):
            total = day.total()
            self.stdout.write(f"{day.day}: " + ", ".join(f"{count:,} {name}" for name, count in told(total)))
        self.stdout.write(f"written to {target.title}")

    def _export_due(self, options: dict[str, Any]) -> None:
        if any(options[name] for name in ("first", "last", "intent", "out")):
            raise CommandError("--due stands alone.")
        days = training_export.export_due()
        self.stdout.write(f"exported {', '.join(map(str, days))}" if days else "nothing is due")


def told(total: dict[str, int]) -> list[tuple[str, int]]:
    """Searches, rows and lessons, and the reasons that there were."""
    return [
        (name.replace("_", " "), count)
        for name, count in total.items()
        if count or name in {"searches", "rows", "lessons"}
    ]
