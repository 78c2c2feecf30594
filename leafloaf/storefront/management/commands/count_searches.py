from typing import Any

from django.core.management.base import BaseCommand

from leafloaf.storefront import analytics


class Command(BaseCommand):
    help = "Counts now what shoppers search for, as the scheduler does when it is due."

    def handle(self, *args: Any, **options: Any) -> None:
        analytics.count()
        self.stdout.write("counted")
