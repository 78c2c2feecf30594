"""`manage.py prune_throttles`: deletes the limits of which nothing is used any more."""

from typing import Any

from django.core.management.base import BaseCommand

from leafloaf.access.throttling import postgres_store


class Command(BaseCommand):
    help = "Deletes from Postgres what is left of limits that are all there again."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{postgres_store.prune()} pruned")
