"""What came of recommendations, counted now."""

from typing import Any

from django.core.management.base import BaseCommand

from personalization.recommending import attribution


class Command(BaseCommand):
    help = "Count lists, clicks, adds and purchases of recommendations, as the scheduler does every minute."

    def handle(self, *args: Any, **options: Any) -> None:
        attribution.count()
        self.stdout.write("counted")
