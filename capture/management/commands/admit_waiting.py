from typing import Any

from django.core.management.base import BaseCommand

from capture import admit


class Command(BaseCommand):
    help = (
        "Takes the searches that were answered while Postgres was away into the log, as the scheduler does."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{admit.waiting()} searches admitted")
