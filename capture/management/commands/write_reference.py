"""`manage.py write_reference`: docs/openapi.yaml, and what `REFERENCE_PAGES` names of docs/, from the code."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string


class Command(BaseCommand):
    help = (
        "Writes the pages of the documentation that follow from the code, the API's description among them."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        docs = settings.BASE_DIR / "docs"
        call_command("spectacular", file=str(docs / "openapi.yaml"), validate=True, fail_on_warn=True)
        for name, path in settings.REFERENCE_PAGES.items():
            (docs / name).write_text(import_string(path)(), encoding="utf-8")
        self.stdout.write(f"docs/ written: openapi.yaml, {', '.join(settings.REFERENCE_PAGES)}")
