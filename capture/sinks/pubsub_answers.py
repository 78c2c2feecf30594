"""What Pub/Sub's answers mean: later, never, or a person first (Pub/Sub documentation, "Error codes")."""

from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions

from capture.sinks.base import BatchRefused, Misconfigured, OverQuota, Unavailable

FAILURES = (exceptions.GoogleAPICallError, exceptions.RetryError, auth_exceptions.GoogleAuthError)
NEEDS_A_PERSON = (
    exceptions.Unauthorized,
    exceptions.Forbidden,
    exceptions.NotFound,
    exceptions.FailedPrecondition,
)
"""The last is what a topic answers whose encryption key cannot be used."""
NEVER = (exceptions.ClientError, exceptions.MethodNotImplemented)
PASSES = (exceptions.TooManyRequests, exceptions.Aborted, exceptions.Cancelled)


def classified(error: Exception) -> Exception:
    """What nobody expected of a request blocks its batch rather than being guessed at."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, exceptions.TooManyRequests):
        return OverQuota(said)
    if isinstance(error, NEEDS_A_PERSON):
        return Misconfigured(said)
    if isinstance(error, auth_exceptions.GoogleAuthError):
        passes = isinstance(error, auth_exceptions.TransportError)
        return Unavailable(said) if passes else Misconfigured(said)
    if isinstance(error, NEVER) and not isinstance(error, PASSES):
        return BatchRefused(said)
    return Unavailable(said)
