"""`manage.py sink pause|resume|off|on|back-fill NAME`: what staff may tell a sink, from a terminal."""

from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from capture import control

BY = "manage.py sink"
ACTS = {"pause": control.pause, "resume": control.resume, "off": control.off, "on": control.on}


class Command(BaseCommand):
    help = "Lets a sink rest or go on, switches it off or on, or delivers what it once had again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=[*ACTS, "back-fill"])
        parser.add_argument("name", choices=list(settings.SINKS))
        parser.add_argument(
            "--since",
            type=date.fromisoformat,
            help="first UTC day of a back-fill; default all that the log holds",
        )
        parser.add_argument("--because", default="", help="why")
        parser.add_argument("--dry-run", action="store_true", help="only say what it would come to")

    def handle(self, *args: Any, **options: Any) -> None:
        name, act = options["name"], options["act"]
        if act == "back-fill":
            self._back_fill(name, options)
        elif options["dry_run"]:
            self.stdout.write(f"Would {act} {name}.")
        else:
            sink = ACTS[act](name, by=BY, because=options["because"])
            self.stdout.write(f"{sink.name} is {sink.get_state_display().lower()}.")

    def _back_fill(self, name: str, options: dict[str, Any]) -> None:
        try:
            if options["dry_run"]:
                found = control.would_back_fill(name, options["since"])
            else:
                found = control.back_fill(name, options["since"], by=BY, because=options["because"])
        except control.BeforeTheLog as error:
            raise CommandError(str(error)) from error
        end = "nothing done." if options["dry_run"] else "they will be delivered again."
        self.stdout.write(
            f"{name}: {found.batches} batches with {found.events} events since {found.since}; {end}"
        )
