"""The key under which an event id is taken once: 16 bytes, whatever the client calls its events.

One way: from a key nobody gets the event id back. An event id may be the only copy of something of a person, say of
an order's number, and erasure leaves the key where it is, for the event to be refused when it is sent again.

The first six bytes of a UUID stay, so that ids made in the order of time (version 7) stay neighbours in the index.
The database says the same (`capture.migrations.0008_one_way_event_keys`).
"""

import hashlib
import re

CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OPEN_BYTES = 6
"""Of a UUID: in version 7 the milliseconds, in version 4 as many of its random bits."""

ERASED = bytes(16)
"""The digest of a key whose event was erased: whatever is sent under that id again is suppressed."""


def key_of(event_id: str) -> bytes:
    """What stands for an event id; a UUID of version 8 (RFC 9562) if that is not written as a UUID usually is."""
    if CANONICAL.fullmatch(event_id):
        own = bytes.fromhex(event_id.replace("-", ""))
        return own[:OPEN_BYTES] + hashlib.sha256(own).digest()[: 16 - OPEN_BYTES]
    hashed = bytearray(hashlib.sha256(event_id.encode()).digest()[:16])
    hashed[6] = hashed[6] & 0x0F | 0x80
    hashed[8] = hashed[8] & 0x3F | 0x80
    return bytes(hashed)
