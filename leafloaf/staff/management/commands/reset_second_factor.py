from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from leafloaf.staff.signing_in import second_factor


class Command(BaseCommand):
    help = "Takes away a member of staff's second factor, where nobody is left who could in the admin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--because", default="", help="for the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError("Nobody of the staff has that name.")
        second_factor.reset(user, by="reset_second_factor", reason=options["because"])
        self.stdout.write("They set up another when they next sign in.")
