"""The shop's own settings, and the table of the plain shop it is measured against."""

from leafloaf.settings import *  # noqa: F403
from leafloaf.settings import INSTALLED_APPS as OWN_APPS

INSTALLED_APPS = [*OWN_APPS, "bench.search.plain"]
