"""`manage.py create_api_client NAME --kind secret|publishable [--scopes …]`: prints a new key, once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from leafloaf.access import arguments, keys, origins
from leafloaf.access.models import ApiClient

BY = "create_api_client"


class Command(BaseCommand):
    help = "Registers a program that calls the API and prints its key, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="who calls, such as 'Shop front end'")
        parser.add_argument("--kind", required=True, choices=ApiClient.Kind.values)
        parser.add_argument("--scopes", nargs="*", default=[], metavar="SCOPE", help=", ".join(keys.SCOPES))
        parser.add_argument(
            "--origins", nargs="*", default=[], metavar="ORIGIN", help="pages that may use a publishable key"
        )
        parser.add_argument(
            "--ends-on", type=arguments.later_day, metavar="DAY", help="when the key ends by itself (UTC)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if ApiClient.objects.filter(name=options["name"]).exists():
            raise CommandError(
                f"There is an API client named {options['name']!r} already; choose another name."
            )
        try:
            key = keys.create(
                options["name"],
                options["kind"],
                options["scopes"],
                origins=origins.checked(options["kind"], options["origins"]),
                expires_at=options["ends_on"],
                by=BY,
            )
        except (keys.UnknownScope, origins.BadOrigin) as error:
            raise CommandError(str(error)) from error
        self.stderr.write("Keep this key: it is not stored and cannot be shown again.")
        self.stdout.write(key)
