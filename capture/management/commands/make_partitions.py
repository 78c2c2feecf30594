from typing import Any

from django.core.management.base import BaseCommand

from capture import partitions


class Command(BaseCommand):
    help = "Makes the log's partitions of the coming days, as the scheduler does."

    def handle(self, *args: Any, **options: Any) -> None:
        made = partitions.ensure()
        self.stdout.write(f"made {', '.join(made)}" if made else "every partition is there")
