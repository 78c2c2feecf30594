from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from capture import connection_tests, sinks

BY = "manage.py test_connections"


class Command(BaseCommand):
    help = "Asks sinks whether they would take a batch, as the button of Backend health does; stores what they say."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("sinks", nargs="*", help="default: all that are on")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = options["sinks"] or [name for name in settings.SINKS if sinks.is_enabled(name)]
        failed = []
        for name in wanted:
            if not sinks.is_enabled(name):
                raise CommandError(f"{name} is no sink that is switched on in the settings.")
            test = connection_tests.now(name, by=BY)
            self.stdout.write(f"{name}: {test.error or 'answers'} ({test.seconds:.1f} s)")
            failed += [name] if test.error else []
        if failed:
            raise CommandError(f"No answer from {', '.join(failed)}.")
