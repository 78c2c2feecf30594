"""What completes baskets."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from personalization.management.history_command import HistoryCommand
from personalization.prediction import complements, histories
from personalization.prediction.histories import Histories


class Command(HistoryCommand):
    help = (
        "Rank what completes each basket of QUERIES.csv (query,product) by what the baskets of a history hold "
        'together. Writes {"query": …, "items": [20 products, best first, none of the basket]} a line.'
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("queries", metavar="QUERIES.csv", type=Path, help="query,product; also .gz")
        parser.add_argument("out", metavar="OUT.jsonl", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        found = self.history(options["history"])
        try:
            asked, rejected = histories.queries(options["queries"])
        except (OSError, EOFError, histories.NotAHistory) as error:
            raise CommandError(f"{options['queries']}: {error}") from error
        self.tell(options["queries"], rejected)
        self.save(options["out"], _ranked(found, asked))


def _ranked(found: Histories, asked: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    companions = complements.built(found)
    number = {name: code for code, name in enumerate(found.products)}
    for query, products in asked.items():
        basket = [number[name] for name in products if name in number]
        items = [found.products[item] for item in complements.ranked(companions, basket)]
        yield {"query": query, "items": items}
