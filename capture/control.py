"""What a person may tell a sink: rest, or go on."""

from django.conf import settings
from django.db.models.functions import Now

from capture.models import Sink


class UnknownSink(LookupError):
    """`settings.SINKS` has no sink of that name."""


def pause(name: str) -> Sink:
    """Seals and sends nothing more for the sink; what is being sent right now still arrives. Nothing is lost.

    Raises:
        UnknownSink: see there.
    """
    return _set(name, {"state": Sink.State.PAUSED})


def resume(name: str) -> Sink:
    """Lets the sink go on at once, as if it had never failed; its last error stays readable.

    Raises:
        UnknownSink: see there.
    """
    return _set(name, {"state": Sink.State.ENABLED, "failures": 0, "available_at": Now()})


def _set(name: str, values: dict[str, object]) -> Sink:
    if name not in settings.SINKS:
        raise UnknownSink(f"There is no sink {name!r}.")
    Sink.objects.update_or_create(name=name, defaults=values)
    return Sink.objects.get(name=name)
