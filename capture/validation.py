"""From the bytes of one event to a typed, checked event, or to the reasons why not.

Clocks: `occurred_at` is the client's `timestamp` moved by how wrong its clock was when it sent
(`received_at - sent_at`), the correction Segment and Snowplow describe. Up to `AHEAD` in the future is clamped to
now; further ahead, or longer ago than `PAST`, is refused.
"""

import hashlib
import re
from copy import copy
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import UNSET

from capture import events
from capture.event_keys import key_of
from capture.records import encoder
from leafloaf.lib import depth, personal
from leafloaf.lib.problems import escape

AHEAD = timedelta(minutes=5)
PAST = timedelta(days=30)
FREE_JSON_BYTES = 4096
DIGITS = "0123456789 -"
FREE_FIELDS = ("metadata", "filters", "context", "discounts", "delivery")

decoder = msgspec.json.Decoder(events.AnyEvent)
identity_decoder = msgspec.json.Decoder(dict[str, Any])

TAGS = {kind: tag for tag, kind in events.TYPES.items()}
# msgspec writes the tag first, and every type has a field that follows it.
TAG_LENGTHS = {kind: len(encoder.encode({"event_type": tag})) for kind, tag in TAGS.items()}

ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
LOCATION = re.compile(r" - at `\$(?P<path>.*)`$")
FIELD = re.compile(r"(?P<kind>missing required|unknown) field `(?P<name>.*)`")


class Fault(msgspec.Struct, frozen=True):
    """One reason to refuse an event, and where in it."""

    pointer: str
    code: str
    detail: str


class InvalidEvent(Exception):
    """An event that cannot be accepted; holds every fault that was found."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.detail for fault in faults))
        self.faults = faults


class Checked(msgspec.Struct, frozen=True, gc=False):
    """A valid event, ready for the log. `user_id` is still the shop's own."""

    event_id: str
    key: bytes
    event_type: str
    user_id: str | None
    session_id: str | None
    occurred_at: datetime
    payload: bytes
    digest: bytes
    event: events.Event


def decode(body: bytes) -> events.Event:
    """The typed event in a JSON object.

    Raises:
        InvalidEvent: with a JSON pointer to the first wrong field.
    """
    try:
        event: events.Event = decoder.decode(body)
        return event
    except msgspec.ValidationError as error:
        raise InvalidEvent(explained(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(Fault("", "malformed", f"This is not valid JSON: {error}.")) from error
    except RecursionError as error:
        raise InvalidEvent(Fault("", "too_deep", "This is nested too deeply.")) from error


def explained(message: str) -> Fault:
    """msgspec's sentence as a fault with a JSON pointer."""
    location = LOCATION.search(message)
    pointer = as_pointer(location["path"]) if location else ""
    detail = message[: location.start()] if location else message
    if field := FIELD.search(detail):
        code = "required" if field["kind"] == "missing required" else "unknown_field"
        hint = "; put what is not in the vocabulary into `metadata`" if code == "unknown_field" else ""
        return Fault(f"{pointer}/{escape(field['name'])}", code, f"{detail}{hint}.")
    return Fault(pointer, "invalid", f"{detail}.")


def as_pointer(path: str) -> str:
    """msgspec's `.items[0].price` as the JSON pointer `/items/0/price`."""
    return re.sub(r"\.|\[", "/", path).replace("]", "")


def check(event: events.Event, received_at: datetime, past: timedelta | None = PAST) -> Checked:
    """Checks what types cannot say, and fixes the event's id, time and stored form.

    Args:
        past: how long ago it may have happened; None for history that is loaded on purpose.

    Raises:
        InvalidEvent: with every fault found.
    """
    payload = own_fields(event)
    faults = []
    if len(payload) > FREE_JSON_BYTES:
        faults += [fault for name in FREE_FIELDS if (fault := too_large(event, name))]
    if depth.may_be_deeper(payload):
        faults += [fault for name in FREE_FIELDS if (fault := too_deep(event, name))]
    if b"\\u0000" in payload and ESCAPED_NUL.search(payload):
        faults.append(Fault("", "nul_character", "The character U+0000 cannot be stored."))
    if not (is_plain(event.event_id) and is_plain(event.user_id) and is_plain(event.session_id)):
        faults += [
            fault for name in ("event_id", "user_id", "session_id") if (fault := unusable(event, name))
        ]
    occurred_at = received_at
    if event.timestamp is not UNSET:
        try:
            occurred_at = corrected(event.timestamp, event.sent_at, received_at, past)
        except InvalidEvent as error:
            faults += error.faults
    if faults:
        raise InvalidEvent(*faults)
    event_id = str(uuid4()) if event.event_id is UNSET else event.event_id
    return Checked(
        event_id=event_id,
        key=key_of(event_id),
        event_type=TAGS[type(event)],
        user_id=event.user_id,
        session_id=event.session_id,
        occurred_at=occurred_at,
        payload=payload,
        digest=digest(event, payload),
        event=event,
    )


def corrected(
    timestamp: datetime,
    sent_at: datetime | msgspec.UnsetType,
    received_at: datetime,
    past: timedelta | None,
) -> datetime:
    """When an event happened by the server's clock."""
    try:
        happened = timestamp if sent_at is UNSET else timestamp + (received_at - sent_at)
        age = received_at - happened
    except OverflowError:
        age = timedelta.max if timestamp < received_at else timedelta.min
        happened = timestamp
    if age < -AHEAD:
        raise InvalidEvent(
            Fault(
                "/timestamp",
                "in_the_future",
                "This is more than 5 minutes ahead; send `sent_at` if the clock is wrong.",
            )
        )
    if past is not None and age > past:
        raise InvalidEvent(Fault("/timestamp", "too_old", f"This is more than {past.days} days ago."))
    return min(happened, received_at)


def own_fields(event: events.Event) -> bytes:
    """What the log keeps as the payload: the fields that were given, without those that have a column."""
    own = copy(event)
    own.event_id = own.timestamp = own.sent_at = UNSET
    own.user_id = own.session_id = None
    if isinstance(own, events.Order) and own.total_value is None:  # must be given, and may be null
        own.total_value = UNSET  # type: ignore[assignment] # which is left out
    encoded = encoder.encode(own)
    return b"{" + encoded[TAG_LENGTHS[type(own)] :]


def too_deep(event: events.Event, name: str) -> Fault | None:
    if not depth.is_deeper(getattr(event, name, None), depth.DEEPEST - 1):
        return None
    return Fault(f"/{name}", "too_deep", f"`{name}` is nested deeper than {depth.DEEPEST - 1} levels.")


def too_large(event: events.Event, name: str) -> Fault | None:
    value = getattr(event, name, None)
    if value is None or len(encoder.encode(value)) <= FREE_JSON_BYTES:
        return None
    return Fault(f"/{name}", "too_large", f"`{name}` is larger than {FREE_JSON_BYTES} bytes.")


def is_plain(value: str | msgspec.UnsetType | None) -> bool:
    """Whether a text is surely usable, which nearly all are: no NUL, no e-mail address, no row of digits."""
    if not isinstance(value, str):
        return True
    return value.isascii() and "@" not in value and "\0" not in value and value.strip(DIGITS) != ""


def unusable(event: events.Event, name: str) -> Fault | None:
    value = getattr(event, name)
    if isinstance(value, str) and "\0" in value:
        return Fault(f"/{name}", "nul_character", "The character U+0000 cannot be stored.")
    if isinstance(value, str) and (kind := personal.kind_of(value)):
        return Fault(
            f"/{name}", "personal_data", f"This looks like {kind}; send an id that says nothing by itself."
        )
    return None


def digest(event: events.Event, payload: bytes) -> bytes:
    """What makes two submissions of one event id the same event: all it says, but not when it was sent."""
    timestamp = None if event.timestamp is UNSET else event.timestamp
    identity = encoder.encode([event.user_id, event.session_id, timestamp])
    return hashlib.blake2b(identity + payload, digest_size=16).digest()
