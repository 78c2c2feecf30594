"""`manage.py count_privacy`: counts the privacy metrics now."""

from typing import Any

from django.core.management.base import BaseCommand

from privacy import metrics


class Command(BaseCommand):
    help = "Counts the privacy metrics now, as the scheduler does when they are due."

    def handle(self, *args: Any, **options: Any) -> None:
        metrics.count()
        self.stdout.write("counted")
