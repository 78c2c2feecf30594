"""The answer to `alt=media`: the whole object, a range of it, or its unzipped content.

Sources: https://cloud.google.com/storage/docs/json_api/v1/objects/get (Objects: get),
https://cloud.google.com/storage/docs/transcoding (Transcoding of gzip-compressed files).
"""

import email.utils
import gzip
import re
import zlib

from leafloaf.stack.cloud_storage import resources
from leafloaf.stack.cloud_storage.resources import Resource
from leafloaf.stack.http import ApiError, Request, Response

RANGE = re.compile(r"bytes=(\d*)-(\d*)")
NAMED = {
    "Cache-Control": "cacheControl",
    "Content-Disposition": "contentDisposition",
    "Content-Language": "contentLanguage",
    "Content-Type": "contentType",
    "ETag": "etag",
    "x-goog-generation": "generation",
    "x-goog-metageneration": "metageneration",
    "x-goog-storage-class": "storageClass",
    "x-goog-stored-content-length": "size",
}


def answer(resource: Resource, data: bytes, request: Request) -> Response:
    headers = _headers(resource)
    unzipped = _transcoded(resource, data, request)
    if unzipped is not None:
        # Google sends neither length nor encoding, and answers a Range with the whole.
        return Response(200, unzipped, {**headers, "Transfer-Encoding": "chunked"})
    if resource.get("contentEncoding"):
        headers["Content-Encoding"] = resource["contentEncoding"]
    return _ranged(data, headers, request.headers.get("Range"))


def _headers(resource: Resource) -> dict[str, str]:
    hashes = [f"crc32c={resource['crc32c']}"]
    if "md5Hash" in resource:
        hashes.append(f"md5={resource['md5Hash']}")
    updated = resources.parse_time(resource["updated"])
    return {
        **{header: resource[field] for header, field in NAMED.items() if field in resource},
        "Accept-Ranges": "bytes",
        "Last-Modified": email.utils.format_datetime(updated, usegmt=True),
        "x-goog-hash": ",".join(hashes),
        "x-goog-stored-content-encoding": resource.get("contentEncoding", "identity"),
    }


def _transcoded(resource: Resource, data: bytes, request: Request) -> bytes | None:
    """The unzipped object when Google would unzip it: it is gzip, says so, and the reader takes no gzip."""
    takes_gzip = "gzip" in (request.headers.get("Accept-Encoding") or "").lower()
    stays = "no-transform" in resource.get("cacheControl", "")
    if resource.get("contentEncoding") != "gzip" or takes_gzip or stays:
        return None
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


def _ranged(data: bytes, headers: dict[str, str], wanted: str | None) -> Response:
    match = RANGE.fullmatch(wanted or "")
    if not match or match.groups() == ("", ""):
        return Response(200, data, headers)
    first, last = _bounds(match.group(1), match.group(2), len(data))
    if first >= len(data) or last < first:
        refused = ApiError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable").response()
        refused.headers["Content-Range"] = f"bytes */{len(data)}"
        return refused
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(206, data[first : last + 1], headers)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Inclusive; `-n` means the last n bytes."""
    if not first:
        return max(0, size - int(last)) if int(last) else size, size - 1
    return int(first), min(int(last), size - 1) if last else size - 1
