"""`manage.py export_person USER_ID FILE --reason WHY`: the export of a person who cannot ask for it themselves."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from privacy import staff_accesses
from privacy.exporting import making
from privacy.models import Subject

BY = "export_person"


class Command(BaseCommand):
    help = "Writes everything held on a person to a zip; the person sees that it was done, and the reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user_id", help="the shop's id of the user")
        parser.add_argument("file", metavar="FILE", help="a new file for the zip, readable by you alone")
        parser.add_argument("--reason", required=True, help="why, for the person to read")

    def handle(self, *args: Any, **options: Any) -> None:
        person = Subject.objects.filter(user_id=options["user_id"], state=Subject.State.ACTIVE).first()
        if person is None or not written_down(person, options["reason"]):
            raise CommandError("Nothing is held on this user.")
        path = Path(options["file"])
        try:
            path.touch(mode=0o600, exist_ok=False)
            with path.open("wb") as file:
                making.write(person, timezone.now(), file, keep=_nothing)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from error
        except making.SILENT as error:
            path.unlink()
            raise CommandError(f"A store does not answer: {error}") from error
        self.stdout.write(f"{path}: {path.stat().st_size:,} bytes")


def written_down(person: Subject, reason: str) -> bool:
    return staff_accesses.write_down(person.pk, BY, "export", reason, [Subject.State.ACTIVE])


def _nothing() -> None:
    """There is no lease to keep."""
