"""`manage.py make_exports`: makes the exports that are due, and empties those whose day is over."""

from typing import Any

from django.core.management.base import BaseCommand

from privacy import exporting


class Command(BaseCommand):
    help = "Makes the exports that people asked for, and empties those that nobody took in their day."

    def handle(self, *args: Any, **options: Any) -> None:
        expired, made = exporting.expire(), exporting.make_due()
        self.stdout.write(f"{made} made, {expired} expired")
