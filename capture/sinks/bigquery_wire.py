"""How large the requests to BigQuery are: read where they leave, so that what is counted is what was sent."""

import threading
from typing import Any

import requests
from google.cloud import bigquery
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError


class Wire(HTTPAdapter):
    """Remembers the size of the last request that this thread sent and that may have reached BigQuery."""

    def __init__(self) -> None:
        super().__init__()
        self._last = threading.local()

    def send(self, request: requests.PreparedRequest, *options: Any, **named: Any) -> requests.Response:
        try:
            answer = super().send(request, *options, **named)
        except requests.RequestException as error:
            if not _is_unsent(error):
                self._note(request)
            raise
        self._note(request)
        return answer

    def _note(self, request: requests.PreparedRequest) -> None:
        self._last.size = int(request.headers.get("Content-Length", 0))

    def taken(self) -> int | None:
        """The size in bytes, once; None when nothing has been sent since it was last taken."""
        size: int | None = getattr(self._last, "size", None)
        self._last.size = None
        return size


def metered(client: bigquery.Client) -> Wire:
    """Has the client send through a wire of its own.

    By `_http`, the session that the client makes for itself: it has no other way to be given an adapter.
    """
    wire = Wire()
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, wire)
    return wire


def _is_unsent(error: requests.RequestException) -> bool:
    """Whether nobody was there to take it."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = error.args[0] if error.args else None
    return isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)
