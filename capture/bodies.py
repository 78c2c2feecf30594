"""From the body of a request to the JSON of each event in it."""

import gzip
import io
import zlib
from typing import IO, Any

import msgspec
from rest_framework.parsers import BaseParser

from leafloaf.lib.problems import Invalid, Problem, TooLarge

LARGEST_BODY = 1024 * 1024
MOST_EVENTS = 500

envelope_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
list_decoder = msgspec.json.Decoder(list[msgspec.Raw])


class Malformed(Problem):
    """The body is not JSON."""

    default_code = "malformed"


class RawJson(BaseParser):
    """The body's bytes, unzipped: the vocabulary decodes them straight to typed events."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, context: Any = None) -> Any:
        encoding = context["request"].META.get("HTTP_CONTENT_ENCODING", "") if context else ""
        return unzipped(stream, encoding.lower().strip())


class RawText(RawJson):
    """The same under `text/plain`, which is all that `navigator.sendBeacon` may send without a preflight."""

    media_type = "text/plain"


def unzipped(stream: IO[bytes], encoding: str) -> bytes:
    """At most `LARGEST_BODY` bytes of what was sent, unzipped.

    Raises:
        TooLarge, Malformed: more than that, or not gzip after all.
    """
    if encoding not in {"", "identity", "gzip"}:
        raise Malformed(f"Content-Encoding {encoding!r} is not known; send gzip or nothing.")
    source: IO[bytes] = stream
    if encoding == "gzip":
        source = gzip.GzipFile(fileobj=io.BytesIO(stream.read(LARGEST_BODY + 1)))  # type: ignore[assignment]
    try:
        content = source.read(LARGEST_BODY + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Malformed("The body is not valid gzip.") from error
    if len(content) > LARGEST_BODY:
        raise TooLarge(f"The body is larger than {LARGEST_BODY} bytes; send fewer events at once.")
    return content


def split(content: bytes) -> list[bytes]:
    """The JSON of each event in a body: one event, or `{"events": […]}`.

    Raises:
        Malformed, Invalid: not JSON, not an object, too many events or none.
    """
    try:
        envelope = envelope_decoder.decode(content)
        if "events" not in envelope:
            return [content]
        events = list_decoder.decode(envelope["events"])
    except msgspec.ValidationError as error:
        raise Invalid(
            "The body must be an event, or an object with a list of `events`.",
            errors=[{"pointer": "", "code": "invalid", "detail": str(error)}],
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise Malformed("The body is nested too deeply.") from error
    if extra := set(envelope) - {"events"}:
        raise Invalid(
            f"Beside `events` there is {', '.join(sorted(extra))}; common fields go into each event.",
            errors=[{"pointer": "/events", "code": "invalid", "detail": "not alone"}],
        )
    if not 1 <= len(events) <= MOST_EVENTS:
        raise Invalid(
            f"`events` must hold 1 to {MOST_EVENTS} events, not {len(events)}.",
            errors=[{"pointer": "/events", "code": "invalid", "detail": f"{len(events)} events"}],
        )
    return [bytes(event) for event in events]
