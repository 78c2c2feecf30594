"""From which network address a request comes, as far as that can be believed.

`X-Forwarded-For` is written by whoever likes. Each proxy adds, on the right, the address that it was called from:
behind so many trusted ones (`TRUSTED_PROXIES`) that many entries from the right are true, and the leftmost of those is
the client.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

NETWORK = 64
"""Who has one IPv6 address has all 2^64 of its network (RFC 6177)."""


def of(meta: Mapping[str, Any]) -> str:
    """The address, or for IPv6 the network; what cannot be read counts as the nearest proxy's."""
    nearest = normal(str(meta.get("REMOTE_ADDR", ""))) or "unknown"
    if not settings.TRUSTED_PROXIES:
        return nearest
    passed = str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    return normal(passed[-settings.TRUSTED_PROXIES :][0].strip()) or nearest


@lru_cache(maxsize=1024)
def normal(text: str) -> str:
    """One text for one client; empty for what is no address."""
    try:
        found = ipaddress.ip_address(without_port(text).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, NETWORK), strict=False))


def without_port(text: str) -> str:
    """Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, _ = text.partition(":")
    return host if colon and "." in host else text
