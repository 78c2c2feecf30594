"""The search rows of every product, written anew."""

from typing import Any

from django.core.management.base import BaseCommand

from leafloaf.catalog import indexing


class Command(BaseCommand):
    help = "Write the search rows of every product anew. They follow each product by themselves; this mends a doubt."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{indexing.rebuild()} products in the index")
