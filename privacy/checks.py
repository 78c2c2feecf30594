"""PRIVACY_LISTENERS checks itself."""

import inspect
from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

HINT = "A listener is a callable (subject_id, before, after); see privacy/consent.py."


@checks.register
def listeners_can_be_called(**_: Any) -> list[checks.CheckMessage]:
    """Every path leads to a callable that takes what `consent.tell` gives it."""
    return [
        checks.Error(f"PRIVACY_LISTENERS: {path!r} {complaint}.", hint=HINT, id="privacy.E001")
        for path in settings.PRIVACY_LISTENERS
        if (complaint := _complaint(path))
    ]


def _complaint(path: str) -> str | None:
    try:
        listener = import_string(path)
    except ImportError as error:
        return f"cannot be imported: {error}"
    if not callable(listener):
        return "cannot be called"
    try:
        inspect.signature(listener).bind("subject_id", "before", "after")
    except TypeError:
        return "does not take (subject_id, before, after)"
    return None
