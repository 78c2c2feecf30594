"""The key under which an event id is taken once: 16 bytes, whatever the client calls its events.

A UUID is its own key, so that ids made in the order of time (version 7) stay neighbours in the index; any other
text is hashed. The database says the same (`capture.migrations.0006_event_key_as_uuid`).
"""

import hashlib
import re

CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def key_of(event_id: str) -> bytes:
    """The bytes of a UUID; one of version 8 (RFC 9562) for an id that is not written as a UUID usually is."""
    if CANONICAL.fullmatch(event_id):
        return bytes.fromhex(event_id.replace("-", ""))
    hashed = bytearray(hashlib.sha256(event_id.encode()).digest()[:16])
    hashed[6] = hashed[6] & 0x0F | 0x80
    hashed[8] = hashed[8] & 0x3F | 0x80
    return bytes(hashed)
