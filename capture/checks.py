"""SINKS checks itself."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from capture.sinks.base import BaseSink

KEYS = {"BACKEND", "ENABLED", "BATCH_SIZE", "MAX_AGE_SECONDS", "OPTIONS"}


@checks.register
def sinks_are_usable(**_: Any) -> list[checks.CheckMessage]:
    """Every sink names a sink class and says all it has to."""
    return [
        checks.Error(f"SINKS[{name!r}] {complaint}.", hint="See capture/sinks/base.py.", id="capture.E001")
        for name, configured in settings.SINKS.items()
        if (complaint := _complaint(configured))
    ]


def _complaint(configured: dict[str, Any]) -> str | None:
    if missing := KEYS - set(configured):
        return f"lacks {', '.join(sorted(missing))}"
    try:
        backend = import_string(configured["BACKEND"])
    except ImportError as error:
        return f"cannot be imported: {error}"
    if not (isinstance(backend, type) and issubclass(backend, BaseSink)):
        return f"names {configured['BACKEND']}, which is no sink"
    return None
