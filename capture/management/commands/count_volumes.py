from typing import Any

from django.core.management.base import BaseCommand

from capture import volumes


class Command(BaseCommand):
    help = "Counts the events captured since the last time by hour and type, as the scheduler does."

    def handle(self, *args: Any, **options: Any) -> None:
        volumes.count()
        self.stdout.write("counted")
