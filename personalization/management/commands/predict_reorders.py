"""When what a shopper buys again is bought next."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from personalization.management.history_command import HistoryCommand
from personalization.prediction import histories, reorder, reorder_training
from personalization.prediction.histories import Histories


class Command(HistoryCommand):
    help = (
        "Predict, as of a day, when each shopper buys again each product that they had in at least two orders by "
        'then. Writes {"user", "product", "next_day", "p7", "p14", "p30"} a line; next_day is in the unit of the '
        "history and never before the day; lines of the history after the day are not looked at."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("out", metavar="OUT.jsonl", type=Path)
        parser.add_argument(
            "--as-of", required=True, metavar="DAY", help="an ISO date, or a number like IN's days"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            day = histories.day_number(options["as_of"])
        except ValueError as error:
            raise CommandError(f"--as-of {options['as_of']!r} is neither an ISO date nor a number") from error
        found = self.history(options["history"])
        if found.is_iso != histories.is_date(options["as_of"]):
            raise CommandError(f"--as-of {options['as_of']!r} is not written as the days of the history are")
        self.save(options["out"], _expected(found, day))


def _expected(found: Histories, day: int) -> Iterator[dict[str, Any]]:
    answer = reorder.expected(found, day, reorder_training.learned(found, day))
    within = [answer.within[days].round(6).tolist() for days in reorder_training.HORIZONS]
    rows = zip(
        answer.shopper.tolist(), answer.product.tolist(), answer.next_expected.tolist(), *within, strict=True
    )
    for shopper, product, when, week, fortnight, month in rows:
        yield {
            "user": found.shoppers[shopper],
            "product": found.products[product],
            "next_day": histories.day_text(when, found.is_iso),
            "p7": week,
            "p14": fortnight,
            "p30": month,
        }
