"""From the body of a request to the JSON of each event in it."""

import msgspec

from leafloaf.lib.parsers import Malformed, RawJson
from leafloaf.lib.problems import Invalid

MOST_EVENTS = 500

envelope_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
list_decoder = msgspec.json.Decoder(list[msgspec.Raw])


class RawText(RawJson):
    """A JSON body under `text/plain`, which is all that `navigator.sendBeacon` may send without a preflight."""

    media_type = "text/plain"


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
