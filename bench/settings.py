"""The shop's own settings with three sinks that do nothing, and the libraries it is measured against."""

from leafloaf.settings import *  # noqa: F403
from leafloaf.settings import INSTALLED_APPS as OWN_APPS

INSTALLED_APPS = [*OWN_APPS, "django_outbox_pattern", "jaiminho", "bench.capture.plain"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SINKS = {
    f"null_{number}": {
        "BACKEND": "bench.capture.null.NullSink",
        "ENABLED": True,
        "BATCH_SIZE": 500,
        "MAX_AGE_SECONDS": 0.5,
        "OPTIONS": {},
    }
    for number in (1, 2, 3)
}
DJANGO_OUTBOX_PATTERN = {
    "DEFAULT_CONNECTION_CLASS": "bench.capture.null.NullBroker",
    "DEFAULT_PRODUCER_WAITING_TIME": 0,
}
JAIMINHO_CONFIG = {
    "PERSIST_ALL_EVENTS": True,
    "PUBLISH_STRATEGY": "keep-order",
    "DEFAULT_CAPTURE_EXCEPTION": None,
}

# Sinks that keep nothing, and tables of other ways to do it: there is nobody in them to be erased.
SILENCED_SYSTEM_CHECKS = ["privacy.E003", "privacy.E004"]
