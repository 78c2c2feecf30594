"""Makes a release of `leafloaf.js` from its source, and writes its hashes into its page of the docs."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from leafloaf.storefront.javascript_client import page, releases


class Command(BaseCommand):
    """For who changes the client: `manage.py release_javascript_client 1.1.0`, then commit what it wrote."""

    help = "Makes a release of leafloaf.js from its source, and writes its hashes into docs/javascript-client.md."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", help="such as 1.1.0")
        parser.add_argument(
            "--replace", action="store_true", help="make it again, as long as no shop has it in a page"
        )

    def handle(self, *args: Any, version: str, replace: bool, **options: Any) -> None:
        if version in releases.versions() and not replace:
            raise CommandError(f"{version} is released, and its hash may stand in pages. Raise the version.")
        try:
            releases.in_order(version)
        except ValueError as error:
            raise CommandError("A version is numbers with dots between them, such as 1.1.0.") from error
        file = releases.FOLDER / f"{version}.js"
        file.write_text(releases.made(version))
        releases.content.cache_clear()
        page.write()
        self.stdout.write(f"{file.name}: {page.size(version)} bytes compressed; see {page.FILE.name}.")
