"""`manage.py write_reference`: docs/openapi.yaml and docs/events.md, from the code."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from capture import reference


class Command(BaseCommand):
    help = "Writes the API description and the table of events that the documentation shows."

    def handle(self, *args: Any, **options: Any) -> None:
        docs = settings.BASE_DIR / "docs"
        call_command("spectacular", file=str(docs / "openapi.yaml"), validate=True, fail_on_warn=True)
        (docs / "events.md").write_text(reference.events_page(), encoding="utf-8")
        self.stdout.write("docs/openapi.yaml and docs/events.md written")
