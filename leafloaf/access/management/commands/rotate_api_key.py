"""`manage.py rotate_api_key NAME [--overlap 7d]`: prints a client's new key, once; the old one works on for a while."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from leafloaf.access import arguments, clients
from leafloaf.access.models import ApiClient

BY = "rotate_api_key"


class Command(BaseCommand):
    help = "Gives an API client a new key and prints it, once; the keys before it end after the overlap."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the client, as create_api_client was told")
        parser.add_argument(
            "--overlap",
            type=arguments.length_of_time,
            default=clients.OVERLAP,
            metavar="TIME",
            help="how long the keys before it work on: now, 90m, 12h, 7d (the default)",
        )
        parser.add_argument(
            "--ends-on", type=arguments.later_day, metavar="DAY", help="when the new key ends by itself (UTC)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        client = ApiClient.objects.filter(name=options["name"]).first()
        if client is None:
            raise CommandError(f"There is no API client named {options['name']!r}.")
        try:
            key = clients.rotate(client, by=BY, overlap=options["overlap"], expires_at=options["ends_on"])
        except clients.Revoked as error:
            raise CommandError(str(error)) from error
        self.stderr.write("Keep this key: it is not stored and cannot be shown again.")
        self.stdout.write(key)
