"""The shop's own settings; static files are collected beside the bench's data, not in the repository."""

from leafloaf.settings import *  # noqa: F403
from leafloaf.settings import SINKS, VAR_DIR, env

STATIC_ROOT = VAR_DIR / "staticfiles"
# A run of seconds need not wait a minute for its last object.
SINKS["cloud_storage"]["MAX_AGE_SECONDS"] = float(env.number("LOAD_CLOUD_STORAGE_SECONDS", "60"))
