"""`manage.py replay_orders ORDERS.csv ITEMS.csv [--shift-to-now]`: real order history through the ingest of the API."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from capture import order_history

SHOWN = 20


class Command(BaseCommand):
    help = "Sends a shop's past orders into the log. Running it twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("orders", type=Path, help="CSV of order_id,user_id,ordered_at")
        parser.add_argument("items", type=Path, help="CSV of order_id,product_id,quantity,price")
        parser.add_argument(
            "--shift-to-now",
            action="store_true",
            help="move the history so that its last order is now, gaps kept",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = order_history.load(
                options["orders"],
                options["items"],
                shift_to_now=options["shift_to_now"],
                progress=self._progress,
            )
        except order_history.UnusableFile as error:
            raise CommandError(str(error)) from error
        for place, reason in report.rejected[:SHOWN]:
            self.stderr.write(f"{place}: {reason}")
        if len(report.rejected) > SHOWN:
            self.stderr.write(f"… and {len(report.rejected) - SHOWN} more")
        self.stdout.write(
            f"{report.orders} orders with {report.lines} lines read: {report.accepted} accepted, "
            f"{report.duplicates} already there, {report.suppressed} suppressed, {len(report.rejected)} rejected"
        )

    def _progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            filled = 40 * done // total
            self.stderr.write(f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{total} orders", ending="")
            if done == total:
                self.stderr.write("")
