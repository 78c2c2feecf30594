"""JSON bodies, read strictly: UTF-8 whatever a header says, of a limited size, gzip accepted."""

import gzip
import io
import zlib
from typing import IO, Any

import msgspec
from rest_framework.parsers import BaseParser

from leafloaf.lib import depth
from leafloaf.lib.problems import Problem, TooLarge

LARGEST_BODY = 1024 * 1024
TOO_DEEP = f"The body is nested too deeply; {depth.DEEPEST} levels are read."


class Malformed(Problem):
    """The body is not JSON."""

    default_code = "malformed"


class RawJson(BaseParser):
    """The body's bytes, unzipped, for a view that decodes them itself."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, context: Any = None) -> Any:
        encoding = context["request"].META.get("HTTP_CONTENT_ENCODING", "") if context else ""
        return unzipped(stream, encoding.lower().strip())


class StrictJson(RawJson):
    """What the body says. DRF's own parser fails on deep nesting and lets lone surrogates into the answer."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, context: Any = None) -> Any:
        content = super().parse(stream, media_type, context)
        try:
            said = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(f"The body is not valid JSON: {error}.") from error
        except RecursionError as error:
            raise Malformed(TOO_DEEP) from error
        if depth.may_be_deeper(content) and depth.is_deeper(said):
            raise Malformed(TOO_DEEP)
        return said


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
        raise TooLarge(f"The body is larger than {LARGEST_BODY} bytes; send less at once.")
    return content
