"""`manage.py verify_certificate FILE [--public-key BASE64]`: whether a certificate is genuine; asks nobody else."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from privacy.erasure import certificate

PROVEN = "It was signed with the key that you gave."
UNPROVEN = (
    "That proves that nothing was changed since it was signed, but not by whom: the key is the file's own. Compare it "
    "with the shop's published key (/privacy/certificate-keys.json), or give that with --public-key."
)


class Command(BaseCommand):
    help = "Checks the signature of a certificate of erasure; needs no database and no network."
    requires_system_checks = ()  # none: some ask the database

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the certificate, as it was downloaded")
        parser.add_argument("--public-key", metavar="BASE64", help="the shop's key, as it is published")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            signed = certificate.check(Path(options["file"]).read_bytes(), options["public_key"])
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}") from error
        except certificate.NotGenuine as error:
            raise CommandError(f"NOT GENUINE. {error}") from error
        self.stdout.write(f"The signature is good: certificate {signed.certificate.get('id')}.")
        self.stdout.write(f"kid {signed.kid}\npublic key {signed.public_key}")
        self.stdout.write(PROVEN if options["public_key"] else UNPROVEN)
