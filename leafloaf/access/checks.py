"""The demo keys are public: they may not exist in a shop that is not a demo."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks

from leafloaf.access import keys
from leafloaf.access.models import ApiClient


@checks.register(checks.Tags.database)
def no_demo_keys(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Run by `migrate` and by `check --database default`; `keys.find` refuses the demo keys besides."""
    if settings.DEBUG or not databases or ApiClient._meta.db_table not in _tables():
        return []
    hashes = [keys.digest(key) for key in keys.DEMO_KEYS.values()]
    if not ApiClient.objects.filter(key_hash__in=hashes).exists():
        return []
    return [
        checks.Error(
            "The demo API keys exist although DEBUG is off.",
            hint="Delete the clients named 'Demo …' in the admin, or set DEBUG=true for a demo.",
            id="access.E001",
        )
    ]


def _tables() -> list[str]:
    from django.db import connection

    return connection.introspection.table_names()
