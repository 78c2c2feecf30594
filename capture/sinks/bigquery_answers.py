"""What BigQuery's answers mean: later, never, or a person first."""

from collections.abc import Sequence
from typing import Any

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions

from capture.records import Record
from capture.sinks.base import BatchRefused, Misconfigured, OverQuota, Refusal, Unavailable

PERMANENT = {"invalid", "invalidQuery", "notImplemented"}
NOT_THIS_ROW = {"stopped"}
QUOTAS = {"quotaExceeded", "rateLimitExceeded"}
FAILURES = (
    exceptions.GoogleAPICallError,
    exceptions.RetryError,
    requests.RequestException,
    auth_exceptions.GoogleAuthError,
)


def refused(records: Sequence[Record], answer: Sequence[dict[str, Any]]) -> dict[str, Refusal]:
    """The rows that BigQuery will never take, from its `insertErrors`.

    A row is judged by `reason` and `index` alone; the wording is only kept to be shown.

    Raises:
        Unavailable: the answer names reasons that pass.
    """
    refusals: dict[str, Refusal] = {}
    passing: list[str] = []
    for item in answer:
        for error in item["errors"]:
            if error.get("reason") in PERMANENT:
                said = f"{error.get('location') or 'row'}: {error.get('message', '')}"
                refusals.setdefault(records[item["index"]].event_id, Refusal(said, item["errors"]))
            elif error.get("reason") not in NOT_THIS_ROW:
                passing.append(str(error.get("reason")))
    if answer and not refusals:
        raise Unavailable(f"insertErrors: {', '.join(sorted(set(passing))) or 'stopped'}")
    return refusals


def classified(error: Exception) -> Exception:
    """Try later, or a person first.

    403 is told apart by its reason: quota passes, denied access does not (BigQuery documentation, "Error messages").
    """
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, exceptions.Forbidden):
        reasons = {str(detail.get("reason")) for detail in error.errors if isinstance(detail, dict)}
        return OverQuota(said) if reasons & QUOTAS else Misconfigured(said)
    if isinstance(error, exceptions.Unauthorized | exceptions.NotFound):
        return Misconfigured(said)
    if isinstance(error, auth_exceptions.GoogleAuthError) and not isinstance(
        error, auth_exceptions.TransportError
    ):
        return Misconfigured(said)
    if isinstance(error, exceptions.ClientError) and error.code not in {408, 429}:
        return BatchRefused(said)
    return Unavailable(said)
