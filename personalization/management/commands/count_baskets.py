"""What is bought together, counted now."""

import argparse
import math
from typing import Any

from django.core.management.base import BaseCommand

from personalization.companions import basket_counts
from personalization.models import BasketTable


class Command(BaseCommand):
    help = "Count what the baskets of the log hold together, from where that was left, as the scheduler does."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="count the whole log anew; what was counted before serves until that is done",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rebuild"]:
            basket_counts.mark_dirty()
        basket_counts.run(math.inf)
        table = BasketTable.objects.filter(state=BasketTable.State.SERVING).first()
        self.stdout.write(f"{table.baskets:,} baskets counted" if table else "no baskets counted yet")
