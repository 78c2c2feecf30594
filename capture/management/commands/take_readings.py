from typing import Any

from django.core.management.base import BaseCommand

from capture import health


class Command(BaseCommand):
    help = "Stores how every sink is doing now, as the scheduler does."

    def handle(self, *args: Any, **options: Any) -> None:
        for reading in health.take_readings():
            self.stdout.write(
                f"{reading.sink}: {reading.health}, {reading.waiting} waiting, {reading.delivered} delivered"
            )
