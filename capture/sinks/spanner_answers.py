"""What Spanner's answers mean: again at once, later, never, or a person first."""

import re

from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions

from capture.sinks.base import BatchRefused, Misconfigured, OverQuota, Unavailable

FAILURES = (
    exceptions.GoogleAPICallError,
    exceptions.RetryError,
    auth_exceptions.GoogleAuthError,
)
LOST_SESSION = "Session not found"
"""The one answer that only its words tell apart: a missing database is `NotFound` too."""
NEEDS_A_PERSON = (
    exceptions.Unauthenticated,
    exceptions.PermissionDenied,
    exceptions.NotFound,
    exceptions.FailedPrecondition,
    exceptions.MethodNotImplemented,
)
"""Among them a table that is not there or not as it should be: rows are not given up for it."""
NEVER = (exceptions.InvalidArgument, exceptions.OutOfRange, exceptions.AlreadyExists)


QUOTED = re.compile(r"\[.*[\])]|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.DOTALL)
"""Keys, which Spanner's words put in brackets, and pseudonyms: failures are kept, shown and printed."""


def classified(error: Exception) -> Exception:
    said = f"{type(error).__name__}: {QUOTED.sub('…', str(error))}"
    if isinstance(error, exceptions.Aborted):
        return Unavailable(type(error).__name__)  # what it says is whose row somebody else held
    if isinstance(error, exceptions.ResourceExhausted | exceptions.TooManyRequests):
        return OverQuota(said)
    if isinstance(error, NEEDS_A_PERSON) and not is_lost_session(error):
        return Misconfigured(said)
    if isinstance(error, auth_exceptions.GoogleAuthError) and not isinstance(
        error, auth_exceptions.TransportError
    ):
        return Misconfigured(said)
    if isinstance(error, NEVER):
        return BatchRefused(said)
    return Unavailable(said)


def is_lost_session(error: Exception) -> bool:
    return isinstance(error, exceptions.NotFound) and LOST_SESSION in str(error)
