"""`manage.py create_token_key NAME --algorithm HS256|ES256 [--public-key FILE]`: a key for user tokens."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from leafloaf.access import token_keys
from leafloaf.access.models import TokenKey

BY = "create_token_key"


class Command(BaseCommand):
    help = (
        "Registers a key by which the shop signs user tokens; prints its id, and of HS256 the secret, once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="who signs, such as 'Shop, from May on'")
        parser.add_argument("--algorithm", required=True, choices=TokenKey.Algorithm.values)
        parser.add_argument("--public-key", metavar="FILE", help="for ES256: the public key in PEM")
        parser.add_argument("--kid", default="", help="the key's id; left out: one is made")

    def handle(self, *args: Any, **options: Any) -> None:
        pem = self._read(options["public_key"]) if options["public_key"] else ""
        key = TokenKey(
            name=options["name"], kid=options["kid"], algorithm=options["algorithm"], public_key=pem
        )
        try:
            key.full_clean(validate_constraints=False)  # `add` fills in what they ask for
            secret = token_keys.add(key, by=BY)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except token_keys.BadTokenKey as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"kid {key.kid}")
        if secret:
            self.stderr.write("Keep this secret: it cannot be shown again.")
            self.stdout.write(f"secret {secret}")

    def _read(self, file: str) -> str:
        try:
            return Path(file).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
