"""docs/openapi.yaml and docs/events.md are what the code says: `make openapi` would change nothing."""

import io
from pathlib import Path

import yaml
from django.conf import settings
from django.core.management import call_command

from capture import events, reference

DOCS: Path = settings.BASE_DIR / "docs"


def described() -> str:
    written = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=written)
    return written.getvalue()


def test_the_api_description_is_up_to_date() -> None:
    assert yaml.safe_load(described()) == yaml.safe_load((DOCS / "openapi.yaml").read_text(encoding="utf-8"))


def test_the_table_of_events_is_up_to_date() -> None:
    assert reference.events_page() == (DOCS / "events.md").read_text(encoding="utf-8")


def test_every_event_and_every_field_is_described() -> None:
    page = reference.events_page()
    assert all(f"\n## {event_type}\n" in page for event_type in events.TYPES)
    assert "|  |" not in page


def test_every_address_is_described_with_its_credential() -> None:
    paths = yaml.safe_load(described())["paths"]
    assert {"/api/v1/search", "/api/v1/events", "/api/v1/products/{sku}", "/health"} <= set(paths)
    for address, operations in paths.items():
        for operation in operations.values():
            schemes = {name for one in operation["security"] for name in one}
            assert ("secretKey" in schemes) == (address.startswith("/api/") or address == "/metrics")
