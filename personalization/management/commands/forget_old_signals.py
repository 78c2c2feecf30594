"""Forgets by hand what the night would forget."""

from typing import Any

from django.core.management.base import BaseCommand

from personalization.signals import forgetting


class Command(BaseCommand):
    help = (
        "Forget signals older than their memory or than their person wants, and what a person's settings do not "
        "allow, as the scheduler does every night. May be run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"old signals of {forgetting.forget_old():,} people forgotten")
