"""Many calls in one request. Source: https://cloud.google.com/storage/docs/batch (Batch requests).

Each call is applied by itself, one after the other, as if it had come alone; faults see it too.
"""

import email.message
import email.parser
import http

from leafloaf.stack.http import ApiError, App, Request, Response

MOST_CALLS = 100
BOUNDARY = "batch_of_answers"


def add_routes(app: App) -> None:
    @app.route("POST", "/batch/storage/v1")
    def batch(request: Request) -> Response:
        calls = [_call(part, request.url) for part in _parts(request)]
        if any(call.path.startswith(("/batch/", "/upload/", "/download/")) for call in calls):
            raise ApiError(400, "badRequest", "Media and batches cannot be part of a batch.")
        body = b"".join(_answer(app.answer(call)) for call in calls) + f"--{BOUNDARY}--\r\n".encode()
        return Response(200, body, {"Content-Type": f"multipart/mixed; boundary={BOUNDARY}"})


def _parts(request: Request) -> list[email.message.Message]:
    head = f"Content-Type: {request.headers.get('Content-Type')}\r\n\r\n".encode()
    message = email.parser.BytesParser().parsebytes(head + request.body)
    parts = message.get_payload()
    if not message.is_multipart() or not isinstance(parts, list):
        raise ApiError(400, "badRequest", "A batch is multipart/mixed.")
    if len(parts) > MOST_CALLS:
        raise ApiError(400, "badRequest", f"A batch has at most {MOST_CALLS} calls.")
    return [part for part in parts if isinstance(part, email.message.Message)]


def _call(part: email.message.Message, url: str) -> Request:
    content = part.get_payload(decode=True)
    line, _, rest = (content if isinstance(content, bytes) else b"").lstrip().partition(b"\n")
    words = line.decode().split()
    if len(words) < 2:
        raise ApiError(400, "badRequest", "A part of the batch is not an HTTP request.")
    headers, body = email.parser.BytesHeaderParser().parsebytes(rest), rest.replace(b"\r\n", b"\n")
    return Request.to(words[1], words[0], headers, body.partition(b"\n\n")[2], url)


def _answer(response: Response | None) -> bytes:
    """One part; a call whose connection was to be closed answers 503, there being none of its own."""
    given = response or ApiError(503, "backendError", "The call got no answer.").response()
    reason = http.HTTPStatus(given.status).phrase
    headers = "".join(f"{name}: {value}\r\n" for name, value in given.headers.items())
    head = f"--{BOUNDARY}\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {given.status} {reason}\r\n"
    return f"{head}{headers}\r\n".encode() + given.body + b"\r\n"
