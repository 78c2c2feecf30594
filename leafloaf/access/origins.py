"""What a web origin is: scheme, host and port, as browsers send it in `Origin`, and nothing more."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from leafloaf.access.models import ApiClient

HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z|\[[0-9a-f:]+\]\Z")
DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST = 200
ANY = "*"
NONE = "is no web origin, such as https://shop.example or http://localhost:3000."


class BadOrigin(ValueError):
    """It is none; the message is for who gave it."""


def normalised(text: str) -> str:
    """An origin the way a browser writes it, so that it can be compared as text.

    Raises:
        BadOrigin: see there.
    """
    if text == ANY:
        return ANY
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme, host_of(parts), parts.port
    except ValueError as error:
        raise BadOrigin(f"{text!r} {NONE}") from error
    if scheme not in DEFAULT_PORTS or not HOST.match(host) or len(text) > LONGEST:
        raise BadOrigin(f"{text!r} {NONE}")
    if parts.path or parts.query or parts.fragment or text.endswith(("/", "?", "#")) or "@" in parts.netloc:
        raise BadOrigin(
            f"{text!r} says more than an origin: leave it at {scheme}://{host} and a port, if any."
        )
    return f"{scheme}://{host}" + (f":{port}" if port not in (None, DEFAULT_PORTS[scheme]) else "")


def checked(kind: str, texts: Iterable[str]) -> list[str]:
    """The origins of a client of this kind, each once.

    Raises:
        BadOrigin: one is none, or the client is one that no page may use.
    """
    origins = sorted({normalised(text) for text in texts})
    if origins and kind == ApiClient.Kind.SECRET:
        raise BadOrigin("A secret key belongs on no page: leave out the origins.")
    return origins


def host_of(parts: SplitResult) -> str:
    """In the letters that travel: a name with others is sent in Punycode."""
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host.encode("idna").decode() if not host.isascii() else host
