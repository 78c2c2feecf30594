"""Meals from the pairs that are served."""

from typing import Any

from django.core.management.base import BaseCommand

from personalization.companions import meal_groups


class Command(BaseCommand):
    help = "Group products that are bought together into meals of three to five, as the scheduler does every night."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{meal_groups.group():,} meals")
