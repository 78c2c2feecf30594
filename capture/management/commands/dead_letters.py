"""`manage.py dead_letters list|replay|discard --sink …`: what a sink refused for good, and what becomes of it."""

from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from capture import dead_letters

BY = "manage.py dead_letters"


class Command(BaseCommand):
    help = "Lists dead letters by reason, has them tried again, or gives them up with a reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["list", "replay", "discard"])
        parser.add_argument("--sink", required=True, choices=list(settings.SINKS))
        parser.add_argument("--type", default="", help="only events of this type")
        parser.add_argument("--reason", default="", help="only this reason; `no such field*` for a beginning")
        parser.add_argument(
            "--day", default="", help="only of this UTC day, or of two and all between: FROM..TO"
        )
        parser.add_argument("--event", action="append", default=[], help="only this event id (repeatable)")
        parser.add_argument("--dry-run", action="store_true", help="only say how many it would be")
        parser.add_argument("--because", default="", help="why; a discard needs one")

    def handle(self, *args: Any, **options: Any) -> None:
        letters = dead_letters.found(wanted(options))
        if options["act"] == "list":
            self._list(dead_letters.by_reason(letters))
        elif options["dry_run"]:
            self.stdout.write(f"{letters.count()} dead letters; nothing done.")
        elif options["act"] == "replay":
            count = dead_letters.replay(letters, by=BY, because=options["because"])
            self.stdout.write(f"{count} dead letters will be tried again.")
        else:
            try:
                count = dead_letters.discard(letters, by=BY, because=options["because"])
            except dead_letters.ReasonMissing as error:
                raise CommandError(f"{error} Give --because.") from error
            self.stdout.write(f"{count} dead letters discarded.")

    def _list(self, reasons: list[dead_letters.Reason]) -> None:
        for reason in reasons:
            types = ", ".join(reason.event_types)
            self.stdout.write(
                f"{reason.count:>8}  {reason.latest_at:%Y-%m-%d %H:%M}  {types}: {reason.reason}"
            )
        self.stdout.write(f"{sum(reason.count for reason in reasons)} dead letters")


def wanted(options: dict[str, Any]) -> dead_letters.Wanted:
    first, _, last = options["day"].partition("..")
    return dead_letters.Wanted(
        sink=options["sink"],
        event_type=options["type"],
        reason=options["reason"],
        first_day=day(first),
        last_day=day(last or first),
        event_ids=options["event"],
    )


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise CommandError(f"--day: {text!r} is not a day such as 2026-11-20.") from error
