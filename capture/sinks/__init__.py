"""Where the outbox goes: one module an outside store, all behind `base.BaseSink`."""

from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from capture.sinks.base import BaseSink


def get(name: str) -> BaseSink:
    """The process's one instance of a sink named in `settings.SINKS`."""
    configured = settings.SINKS[name]
    return _built(configured["BACKEND"], tuple(sorted(configured.get("OPTIONS", {}).items())))


def is_enabled(name: str) -> bool:
    return bool(settings.SINKS.get(name, {}).get("ENABLED"))


@cache
def _built(backend: str, options: tuple[tuple[str, Any], ...]) -> BaseSink:
    sink: BaseSink = import_string(backend)(**dict(options))
    return sink
