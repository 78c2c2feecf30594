"""Whether the processes of a machine can tell of each other, and whether gauges have a source."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from leafloaf.observability import folder


@checks.register
def instruments_are_shared(**_: Any) -> list[checks.CheckMessage]:
    """No reason not to start: the shop serves, and its metrics tell of one process at a time."""
    why = folder.why_not(settings.METRICS_FOLDER)
    if not why:
        return []
    return [
        checks.Info(
            f"PROMETHEUS_MULTIPROC_DIR: {settings.METRICS_FOLDER} cannot be used: {why}. "
            "Each process counts for itself, and /metrics tells what the one that answers has counted.",
            hint="Name a folder on a disk of this machine that LeafLoaf may write to.",
            id="leafloaf.I002",
        )
    ]


@checks.register
def gauges_have_sources(**_: Any) -> list[checks.CheckMessage]:
    """What METRICS names can be imported."""
    found: list[checks.CheckMessage] = []
    for path in settings.METRICS:
        try:
            import_string(path)
        except ImportError as error:
            found.append(checks.Error(f"METRICS: {error}.", hint="Name a function.", id="leafloaf.E003"))
    return found
