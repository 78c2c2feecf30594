"""The log of recommendations, shortened."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from personalization.recommending import exposures


class Command(BaseCommand):
    help = "Remove lists older than 90 days, or than their person allows, as the scheduler does at night."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{exposures.prune(datetime.now(UTC)):,} lists removed")
