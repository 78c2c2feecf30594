"""`manage.py advance_deletions`: what the worker does every second, by hand."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from privacy.erasure import machine


class Command(BaseCommand):
    help = "Moves every deletion request on as far as it goes now, and says how many are past their limit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--until-quiet", action="store_true", help="go on until nothing is due")

    def handle(self, *args: Any, **options: Any) -> None:
        done = machine.advance_all(until_quiet=options["until_quiet"])
        self.stdout.write(f"{done} pieces of work done, {machine.report_overdue()} requests past their limit")
