"""`manage.py enforce_retention`: what the scheduler does every night, by hand."""

from typing import Any

from django.core.management.base import BaseCommand

from privacy import metrics
from privacy.erasure import retention


class Command(BaseCommand):
    help = "Begins to purge what is older than each person allows; advance_deletions and the worker go on with it."

    def handle(self, *args: Any, **options: Any) -> None:
        people = retention.enforce()
        metrics.note_night(people)
        self.stdout.write(f"Of {people} people something is older than they allow.")
