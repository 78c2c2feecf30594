"""How common each word of the catalogue is, counted anew."""

from typing import Any

from django.core.management.base import BaseCommand

from leafloaf.catalog import indexing


class Command(BaseCommand):
    help = "Count anew how common the catalogue's words are. Runs at night and after every load by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        indexing.refresh()
