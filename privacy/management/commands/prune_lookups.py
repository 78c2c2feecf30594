"""`manage.py prune_lookups`: what the scheduler does every night, by hand."""

from typing import Any

from django.core.management.base import BaseCommand

from privacy import lookups


class Command(BaseCommand):
    help = (
        "Removes the look-ups of staff that ended more than 90 days ago; what they looked at stays on record."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{lookups.prune()} look-ups removed.")
