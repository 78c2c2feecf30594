from typing import Any

from django.core.management.base import BaseCommand, CommandError

from capture import ledger


class Command(BaseCommand):
    help = "Counts the accounts of yesterday and today, as the scheduler does."

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = ledger.close()
        for account in accounts:
            self.stdout.write(
                f"{account}: captured {account.captured} = delivered {account.delivered} + pending {account.pending} "
                f"+ dead {account.dead} + discarded {account.discarded}"
            )
        if wrong := ledger.open_accounts(accounts):
            raise CommandError(f"{len(wrong)} accounts do not add up: {', '.join(map(str, wrong))}")
