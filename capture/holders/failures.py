"""Failures of Google's stores as a holder tells them: of its work, and of a reading."""

from collections.abc import Iterator
from contextlib import contextmanager

from capture.holders import in_use
from capture.holders.in_use import NotConfigured
from capture.sinks.base import BatchRefused, Misconfigured, Unavailable
from privacy.holders import Finding, NeedsAttention, NotNow, Presence

FAILURES = (BatchRefused, Unavailable)
"""What a sink raises; `Misconfigured` and `NotConfigured` are of the second kind."""


@contextmanager
def told(sink: str, store: str) -> Iterator[None]:
    """Failures of work that may be tried again.

    Raises:
        NotNow, NeedsAttention: see there.
    """
    try:
        yield
    except BatchRefused as error:
        raise NeedsAttention(f"{store} refuses what was asked: {words(error)}") from None
    except NotConfigured:
        raise in_use.refusal(sink) from None
    except Unavailable as error:
        raise NotNow(f"{store}: {words(error)}") from None


def finding_of(error: BatchRefused | Unavailable) -> Finding:
    """What a reader found that could not read."""
    if isinstance(error, NotConfigured):
        return in_use.unread()
    if isinstance(error, BatchRefused):
        return Finding(Presence.UNSUPPORTED, said=words(error))
    is_forbidden = isinstance(error, Misconfigured)
    return Finding(Presence.FORBIDDEN if is_forbidden else Presence.UNREACHABLE, said=words(error))


def words(error: Exception) -> str:
    """What kind of failure it was; nothing that quotes what was asked."""
    cause = error.__cause__ or error
    details = getattr(cause, "errors", None) or []
    reasons = {str(detail["reason"]) for detail in details if isinstance(detail, dict) and "reason" in detail}
    return " ".join([type(cause).__name__, *sorted(reasons)])
