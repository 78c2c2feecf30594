"""Which names Google accepts, and under which file name an object is shown on disk.

Rules: https://cloud.google.com/storage/docs/buckets#naming (Bucket names) and
https://cloud.google.com/storage/docs/objects#naming (Object name requirements).
"""

import hashlib
import ipaddress
import re
import urllib.parse

from leafloaf.stack.http import ApiError

LONGEST_SEGMENT = 180  # bytes; file systems allow 255, and a little is added below


def check_bucket(name: str) -> None:
    parts = name.split(".")
    fits = (
        re.fullmatch(r"[a-z0-9][a-z0-9._-]*[a-z0-9]", name)
        and 3 <= len(name) <= (222 if len(parts) > 1 else 63)
        and all(0 < len(part) <= 63 for part in parts)
        and not name.startswith("goog")
        and "google" not in name
        and not _is_address(name)
    )
    if not fits:
        raise ApiError(400, "invalid", f"Invalid bucket name: '{name}'")


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def check_object(name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise ApiError(400, "invalid", "Object names must be valid UTF-8.") from error
    if not 1 <= size <= 1024:
        raise ApiError(400, "invalid", "The object name must have 1 to 1024 bytes in UTF-8.")
    if "\r" in name or "\n" in name:
        raise ApiError(400, "invalid", "Object names can't contain carriage returns or line feeds.")
    if name in (".", "..") or name.startswith(".well-known/acme-challenge/"):
        raise ApiError(400, "invalid", f"Object name not allowed: '{name}'")


def path_of(name: str) -> str:
    """The relative path an object is shown at: its name, with whatever could escape encoded.

    Different names have different paths: `%` itself is always encoded, so `%2E`, the lone `%_`
    of an empty segment and the `%~` of a shortened one cannot be anybody's real name.
    """
    return "/".join(_segment(part) for part in name.split("/"))


def flat_path_of(name: str) -> str:
    """Where it is shown when `path_of` is taken: `a` and `a/b` cannot both be plain paths on disk."""
    return _short("%2F".join(_segment(part) for part in name.split("/"))) + "%"


def _segment(text: str) -> str:
    if text == "":
        return "%_"
    if text in (".", ".."):
        return text.replace(".", "%2E")
    return _short("".join(_character(c) for c in text))


def _character(c: str) -> str:
    return c if c.isprintable() and c not in '%\\:*?"<>|' else urllib.parse.quote(c, safe="")


def _short(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= LONGEST_SEGMENT:
        return text
    digest = hashlib.sha256(encoded).hexdigest()[:32]
    return encoded[: LONGEST_SEGMENT - 40].decode(errors="ignore") + "%~" + digest
