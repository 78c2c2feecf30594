"""Another version of the predictions, in use at once."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from personalization.learning import packing, versions


class Command(BaseCommand):
    help = "Put a stored version of the predictions to use; 0 for none, when the closed form answers."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("version", type=int, metavar="VERSION")
        parser.add_argument("--because", default="", help="kept in the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            versions.use(options["version"], "use_predictions", options["because"])
        except (LookupError, packing.Broken) as error:
            raise CommandError(f"{error} The version in use stays.") from error
        self.stdout.write(f"Version {options['version']} is in use.")
