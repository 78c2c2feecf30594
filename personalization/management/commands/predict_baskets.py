"""What every shopper of a history buys next."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from personalization.management.history_command import HistoryCommand
from personalization.prediction import next_basket, training
from personalization.prediction.histories import Histories


class Command(HistoryCommand):
    help = (
        "Predict the next basket of every shopper of a history, with weights learned from their last baskets, or "
        'the closed form when those are too few. Writes {"user": …, "items": [20 products, best first]} a line.'
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("out", metavar="OUT.jsonl", type=Path)
        parser.add_argument("--closed-form", action="store_true", help="learn nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        found = self.history(options["history"])
        self.save(options["out"], _predicted(found, options["closed_form"]))


def _predicted(found: Histories, is_closed: bool) -> Iterator[dict[str, Any]]:
    weights = None if is_closed else training.learned(found)
    everyone = np.arange(len(found.shoppers))
    for shopper, items in next_basket.predicted(training.shop_of(found), everyone, weights):
        yield {"user": found.shoppers[shopper], "items": [found.products[item] for item in items]}
