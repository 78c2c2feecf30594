"""Every error of the API as RFC 9457 `application/problem+json`, from one place.

Domain modules raise `Problem` subclasses (or their own exceptions, mapped by the view); DRF's own exceptions and
Django's 404 and 403 come through `handle`. No stack trace and no HTML leaves the API.
"""

import logging
import math
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from leafloaf.lib import database, request_ids

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    410: "Gone",
    411: "Length required",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid content",
    429: "Too many requests",
    500: "Internal error",
    503: "Temporarily unavailable",
}
DATABASE_RETRY_SECONDS = 5


class Problem(exceptions.APIException):
    """An error the API answers with: HTTP status, machine-readable code, a sentence that says what to do."""

    status_code = 400
    default_code = "bad_request"

    def __init__(self, detail: str, *, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.errors = errors or []


class TooLarge(Problem):
    status_code = 413
    default_code = "too_large"


class Invalid(Problem):
    """Well-formed JSON that means nothing valid; `errors` point into it."""

    status_code = 422
    default_code = "invalid"


class FilesRefused(SuspiciousOperation):
    """A file was sent to an address that takes none. Django answers what is suspicious with `bad_request`."""


def body(status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The problem document; `type` names the code, so that a client can branch on either.

    `request_id` is the one of the answer's `X-Request-Id`: whoever asks us about an error names it.
    """
    return {
        "type": f"urn:leafloaf:problem:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors or [],
        "request_id": request_ids.current(),
    }


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. An unknown exception is kept for the log and answered as a plain 500."""
    from rest_framework import views  # at the top it would import the parsers, which import this module

    views.set_rollback()
    headers: dict[str, str] = {}
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, OperationalError | InterfaceError):
        if not isinstance(error, database.Away):
            logger.error("The database did not answer: %s", type(error.__cause__ or error).__name__)
        if database.is_gone(error):
            database.suspect()
        status, document = 503, body(503, "database_away", "The database does not answer; try again shortly.")
        headers["Retry-After"] = str(DATABASE_RETRY_SECONDS)
    elif isinstance(error, exceptions.ValidationError):
        status = 422
        document = body(422, "invalid", "Some fields are invalid.", list(pointed(error.get_full_details())))
    elif isinstance(error, exceptions.APIException):
        status = error.status_code
        code = str(getattr(error.detail, "code", error.default_code))
        document = body(status, code, str(error.detail), getattr(error, "errors", None))
        if (wait := getattr(error, "wait", None)) is not None:
            headers["Retry-After"] = str(max(1, math.ceil(wait)))
        if challenge := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = challenge
    else:
        request_ids.note_error(error)  # told with the request's own line
        status, document = 500, body(500, "internal_error", "Something went wrong on our side.")
    return Response(document, status=status, headers=headers, content_type=CONTENT_TYPE)


def pointed(details: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested error details as a flat list of JSON pointers."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield {"pointer": pointer, "code": str(details["code"]), "detail": str(details["message"])}
    elif isinstance(details, dict):
        for key, value in details.items():
            step = "" if key == "non_field_errors" else f"/{escape(str(key))}"
            yield from pointed(value, pointer + step)
    elif isinstance(details, list):
        nested = any(isinstance(item, dict) and set(item) != {"message", "code"} for item in details)
        for position, item in enumerate(details):
            yield from pointed(item, f"{pointer}/{position}" if nested else pointer)


def escape(key: str) -> str:
    """A key as a JSON pointer step (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's 400, for a host or a request it does not accept; what is too much is said more exactly."""
    detail = "This request cannot be understood, or this host is not served here."
    status, code = 400, "bad_request"
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        status, code, detail = 413, "too_large", "This request holds more than is read; send less."
    elif isinstance(exception, FilesRefused):
        status, code, detail = 415, "unsupported_media_type", "No file is taken here."
    return JsonResponse(body(status, code, detail), status=status, content_type=CONTENT_TYPE)


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """Django's 404 for addresses no view answers."""
    document = body(404, "not_found", "There is nothing at this address.")
    return JsonResponse(document, status=404, content_type=CONTENT_TYPE)


def internal_error(request: HttpRequest) -> JsonResponse:
    """Django's 500 outside DRF."""
    document = body(500, "internal_error", "Something went wrong on our side.")
    return JsonResponse(document, status=500, content_type=CONTENT_TYPE)
