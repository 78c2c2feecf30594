"""The small HTTP base of the stand-ins for Google's services (development and tests only).

An `App` maps a method and a path template to a function `(Request) -> Response`. Around every
request it applies injected faults and keeps a log; `/_standin/...` controls both, and the clock.
"""

import contextlib
import dataclasses
import functools
import gzip
import http.server
import json
import logging
import re
import signal
import socketserver
import sys
import threading
import time
import urllib.parse
import zlib
from collections.abc import Callable
from email.message import Message
from types import TracebackType
from typing import Any, Self

from leafloaf.stack.standin import Action, Clock, Fault, Faults, RequestLog

log = logging.getLogger(__name__)

JSON_TYPE = "application/json; charset=UTF-8"
STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class ApiError(Exception):
    """An answer in Google's error shape; raised anywhere below a route."""

    def __init__(
        self, status: int, reason: str, message: str, *, domain: str = "global", **details: str
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.domain = status, reason, message, domain
        self.details = details  # `location` and `locationType`, where Google names the culprit

    def response(self) -> "Response":
        first = {"reason": self.reason, "domain": self.domain, "message": self.message, **self.details}
        error: dict[str, Any] = {"code": self.status, "message": self.message, "errors": [first]}
        if self.status in STATUS_NAMES:
            error["status"] = STATUS_NAMES[self.status]
        return json_response({"error": error}, self.status)


@dataclasses.dataclass
class Request:
    method: str
    path: str  # as sent: an encoded slash inside an object name is not a separator
    query: dict[str, list[str]]
    headers: Message  # names are looked up without regard to case
    body: bytes
    url: str  # scheme, host and port the client used
    params: dict[str, str] = dataclasses.field(default_factory=dict)  # the template's parts, decoded

    @classmethod
    def to(cls, target: str, method: str, headers: Message, body: bytes, url: str) -> Self:
        """A request to `target`: a path, and perhaps a query."""
        parts = urllib.parse.urlsplit(target)
        query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
        return cls(method, parts.path, query, headers, body, url)

    def arg(self, name: str) -> str | None:
        """The last value of a query parameter, None when absent."""
        values = self.query.get(name)
        return values[-1] if values else None

    def flag(self, name: str) -> bool:
        return (self.arg(name) or "").lower() == "true"

    def content(self) -> bytes:
        """The body, unzipped when the sender says it is gzip."""
        if (self.headers.get("Content-Encoding") or "").lower() != "gzip":
            return self.body
        try:
            return gzip.decompress(self.body)
        except (OSError, EOFError, zlib.error) as error:
            raise ApiError(400, "badRequest", f"The body is not gzip: {error}") from error

    def json(self) -> dict[str, Any]:
        return parsed_json(self.content())


def parsed_json(content: bytes) -> dict[str, Any]:
    """A JSON object; nothing at all is an empty one."""
    try:
        parsed = json.loads(content) if content else {}
    except ValueError as error:
        raise ApiError(400, "parseError", "Parse Error") from error
    if not isinstance(parsed, dict):
        raise ApiError(400, "parseError", "The body must be a JSON object.")
    return parsed


@dataclasses.dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


def json_response(payload: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, {"Content-Type": JSON_TYPE, **(headers or {})})


Handler = Callable[[Request], Response]


class App:
    """Routes, and the clock, faults and request log of one stand-in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clock = Clock()
        self.faults = Faults()
        self.requests = RequestLog()
        self.is_closing = False
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        _add_control_routes(self)

    def route(self, method: str, template: str) -> Callable[[Handler], Handler]:
        """Register a function for e.g. `("GET", "/b/{bucket}/o/{object}")`; the first match wins."""

        def register(handler: Handler) -> Handler:
            self.add(method, template, handler)
            return handler

        return register

    def add(self, method: str, template: str, handler: Handler) -> None:
        parts = re.split(r"\{(\w+)\}", template)
        pattern = "".join(f"(?P<{p}>[^/]+)" if i % 2 else re.escape(p) for i, p in enumerate(parts))
        self._routes.append((method, re.compile(pattern), handler))

    def answer(self, request: Request) -> Response | None:
        """Apply one request, with the faults due to it; None means: close the connection."""
        if self.is_closing:
            return None
        if request.path.startswith("/_standin/"):
            return self._apply(request)
        response = self._disturbed(request)
        self.requests.note(request.method, _target(request), response.status if response else 0)
        return response

    def _disturbed(self, request: Request) -> Response | None:
        before, after = self.faults.draw(request.method, _target(request), request.body)
        refused, hung_up = _act(before)
        if refused or hung_up:
            return refused
        response = self._apply(request)
        replaced, hung_up = _act(after)
        return None if hung_up else replaced or response

    def _apply(self, request: Request) -> Response:
        try:
            return self._find(request)(request)
        except ApiError as error:
            return error.response()
        except Exception:
            # A stand-in that dies silently would look like a network fault to the client.
            log.exception("%s failed at %s %s", self.name, request.method, request.path)
            return ApiError(500, "internalError", "The stand-in failed; see its log.").response()

    def _find(self, request: Request) -> Handler:
        for method, pattern, handler in self._routes:
            if method == request.method and (match := pattern.fullmatch(request.path)):
                request.params = {name: _decoded(part) for name, part in match.groupdict().items()}
                return handler
        # Not 404: a client would take "I do not know this call" for "that does not exist".
        raise ApiError(501, "notImplemented", f"The stand-in does not know {request.method} {request.path}")


def _decoded(part: str) -> str:
    try:
        return urllib.parse.unquote(part, errors="strict")
    except UnicodeDecodeError as error:
        raise ApiError(400, "invalid", f"Not UTF-8: {part}") from error


def _target(request: Request) -> str:
    query = urllib.parse.urlencode(request.query, doseq=True)
    return f"{request.path}?{query}" if query else request.path


def _act(action: Action) -> tuple[Response | None, bool]:
    """Carry out a fault's action: the answer it puts in place of ours, and whether to hang up."""
    if action.delay_seconds:
        time.sleep(action.delay_seconds)
    if action.status is None:
        return None, action.hang_up
    if action.body is None:
        response = ApiError(action.status, action.reason, "A fault was injected.").response()
    else:
        response = Response(action.status, action.body.encode(), {"Content-Type": action.content_type})
    response.headers.update(action.headers)
    return response, action.hang_up


def _add_control_routes(app: App) -> None:
    @app.route("GET", "/_standin/health")
    def health(request: Request) -> Response:
        return json_response({"status": "ok"})

    @app.route("GET", "/_standin/faults")
    def show_faults(request: Request) -> Response:
        return json_response({"faults": app.faults.describe()})

    @app.route("POST", "/_standin/faults")
    def add_fault(request: Request) -> Response:
        try:
            app.faults.add(Fault.parse(request.json()))
        except (KeyError, TypeError, ValueError, re.error) as error:
            raise ApiError(400, "invalid", f"Not a fault: {error!r}") from error
        return json_response({"faults": app.faults.describe()})

    @app.route("DELETE", "/_standin/faults")
    def clear_faults(request: Request) -> Response:
        app.faults.clear()
        return json_response({"faults": []})

    @app.route("GET", "/_standin/clock")
    def show_clock(request: Request) -> Response:
        return json_response({"now": app.clock.now().isoformat()})

    @app.route("POST", "/_standin/clock")
    def advance_clock(request: Request) -> Response:
        try:
            app.clock.advance(float(request.json()["advance_seconds"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError(400, "invalid", 'Send {"advance_seconds": number}') from error
        return show_clock(request)

    @app.route("GET", "/_standin/requests")
    def show_requests(request: Request) -> Response:
        return json_response({"requests": app.requests.recent()})

    @app.route("DELETE", "/_standin/requests")
    def clear_requests(request: Request) -> Response:
        app.requests.clear()
        return json_response({"requests": []})


class _Connection(http.server.BaseHTTPRequestHandler):
    """One keep-alive connection. Unbuffered writes with Nagle on cost 44 ms an answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def __init__(self, app: App, *args: Any) -> None:
        self.app = app
        super().__init__(*args)

    def respond(self) -> None:
        url = f"http://{self.headers.get('Host') or 'localhost'}"
        request = Request.to(self.path, self.command, self.headers, self._body(), url)
        response = self.app.answer(request)
        if response is None:
            self.close_connection = True
        else:
            self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = respond

    def _body(self) -> bytes:
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _send(self, response: Response) -> None:
        chunked = response.headers.get("Transfer-Encoding") == "chunked"
        has_body = response.status not in (204, 304)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if has_body and not chunked:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if has_body and self.command != "HEAD":
            self.wfile.write(_in_one_chunk(response.body) if chunked else response.body)

    def log_message(self, *args: Any) -> None:
        """Quiet: `/_standin/requests` shows what was asked."""


def _in_one_chunk(body: bytes) -> bytes:
    return (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"


class Server(socketserver.ThreadingTCPServer):
    """Serves an app on 127.0.0.1 from a background thread, between `with` and its end."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, app: App, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), functools.partial(_Connection, app))
        self.app = app
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self.app.is_closing = False
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.app.is_closing = True  # kept-alive connections outlive the listening socket
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away mid-answer is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            log.exception("the connection from %s broke", client_address)


def serve(
    app: App,
    port: int,
    beside: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
) -> None:
    """Serve until SIGTERM or SIGINT; port 0 picks a free one.

    Args:
        beside: makes what is to run meanwhile; its threads leave the signals alone, too.

    The signals are waited for, not handled, so nothing runs at a surprising moment; they are
    blocked before the first thread starts, which makes every thread leave them to this wait.
    """
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        server = Server(app, port)
    except OSError as error:
        raise SystemExit(f"The {app.name} cannot listen on port {port}: {error}") from error
    with beside(), server:
        print(f"listening on {server.url}", flush=True)
        signal.sigwait(ends)
