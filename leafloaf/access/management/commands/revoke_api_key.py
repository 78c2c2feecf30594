"""`manage.py revoke_api_key NAME [--key sk_AbCdEfGh]`: ends a client, or one of its keys, at once and for good."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from leafloaf.access import clients
from leafloaf.access.models import ApiClient

BY = "revoke_api_key"


class Command(BaseCommand):
    help = "Revokes an API client with all its keys, or one key of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the client, as create_api_client was told")
        parser.add_argument(
            "--key", metavar="BEGINNING", help="only the key that begins so, of 11 characters"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        client = ApiClient.objects.filter(name=options["name"]).first()
        if client is None:
            raise CommandError(f"There is no API client named {options['name']!r}.")
        if options["key"] is None:
            revoked = clients.revoke([client], by=BY)
            self.stdout.write(f"{client} is revoked." if revoked else f"{client} was revoked already.")
            return
        found = list(clients.working(client, timezone.now()).filter(lookup=options["key"]))
        if len(found) != 1:
            raise CommandError(
                f"{client} has no working key that begins with {options['key']!r} and is the only one to. "
                f"It has: {', '.join(str(key) for key in clients.working(client, timezone.now())) or 'none'}"
            )
        clients.revoke_key(found[0], by=BY)
        self.stdout.write(f"The key {found[0]} of {client} is revoked.")
