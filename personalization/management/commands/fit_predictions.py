"""What the shop learns from all purchases, learned now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from personalization.learning import fitting
from personalization.learning.hold_out import Figures


class Command(BaseCommand):
    help = (
        "Learn from everybody's purchases what predictions are made from, as the scheduler does every night: a new "
        "version, put to use unless it is worse than the one in use."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = fitting.fit()
        except fitting.Busy as error:
            raise CommandError(str(error)) from error
        if made is None:
            self.stdout.write("Nobody has bought anything yet: there is nothing to learn from.")
            return
        self.stdout.write(
            f"{made} from {made.lines:,} lines of {made.shoppers:,} shoppers and {made.products:,} products, in "
            f"{made.fit_seconds} s and {made.peak_megabytes:,} MB; {'in use' if made.is_active else 'not in use'}"
        )
        for part, figures in made.figures.items():
            self._tell(part, figures)
        for note in made.notes.splitlines():
            self.stdout.write(note)

    def _tell(self, part: str, figures: Figures) -> None:
        for name, values in figures.items():
            told = ", ".join(f"{figure} {value:.3f}" for figure, value in values.items())
            self.stdout.write(f"  {part}, {name}: {told}")
