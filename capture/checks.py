"""SINKS and PROJECTIONS check themselves."""

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from capture.sinks.base import BaseSink

KEYS = {"BACKEND", "ENABLED", "BATCH_SIZE", "MAX_AGE_SECONDS", "OPTIONS"}
HINT = "See capture/sinks/base.py and the SINKS of leafloaf/settings.py."
PROJECTION_HINT = "See capture/projections.py."


@checks.register
def sinks_are_complete(**_: Any) -> list[checks.CheckMessage]:
    """Every sink says all it has to and names a module that exists; Google's clients are slow to import."""
    return [
        checks.Error(f"SINKS[{name!r}] {complaint}.", hint=HINT, id="capture.E001")
        for name, configured in settings.SINKS.items()
        if (complaint := _incomplete(configured))
    ]


@checks.register(deploy=True)
def sinks_are_sinks(**_: Any) -> list[checks.CheckMessage]:
    """Every enabled sink can be imported and is one."""
    return [
        checks.Error(f"SINKS[{name!r}] {complaint}.", hint=HINT, id="capture.E002")
        for name, configured in settings.SINKS.items()
        if configured.get("ENABLED") and (complaint := _no_sink(str(configured.get("BACKEND"))))
    ]


@checks.register
def projections_are_projections(**_: Any) -> list[checks.CheckMessage]:
    """Every path leads to an object that says what it derives, and asks for what."""
    return [
        checks.Error(f"PROJECTIONS: {path!r} {complaint}.", hint=PROJECTION_HINT, id="capture.E003")
        for path in settings.PROJECTIONS
        if (complaint := _no_projection(path))
    ]


def _no_projection(path: str) -> str | None:
    try:
        projection = import_string(path)
    except ImportError as error:
        return f"cannot be imported: {error}"
    is_one = isinstance(getattr(projection, "sql", None), str) and callable(
        getattr(projection, "parameters", None)
    )
    return None if is_one else "is no projection"


def _incomplete(configured: dict[str, Any]) -> str | None:
    if missing := KEYS - set(configured):
        return f"lacks {', '.join(sorted(missing))}"
    module, _, _ = str(configured["BACKEND"]).rpartition(".")
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        found = None
    return None if found else f"names {configured['BACKEND']}, which does not exist"


def _no_sink(path: str) -> str | None:
    try:
        backend = import_string(path)
    except ImportError as error:
        return f"cannot be imported: {error}"
    is_sink = isinstance(backend, type) and issubclass(backend, BaseSink)
    return None if is_sink else f"names {path}, which is no sink"
