from typing import Any

from django.core.management.base import BaseCommand

from leafloaf.staff.signing_in import lock_out


class Command(BaseCommand):
    help = "Forgets failed sign-ins that lock nobody out, and sessions that have expired, as the scheduler does hourly."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"forgot {lock_out.prune():,} failed sign-ins")
