"""Stores that the outbox fills, or filled once: one that is off still holds what it was sent.

What was sent is remembered by the sink's row, for batches are pruned with their days. What can no longer be asked about
people, for its settings are gone, is not taken for empty: erasures wait for it, or for somebody to look.
"""

from typing import TypeVar

from django.conf import settings
from django.db.models import Q

from capture import sinks
from capture.models import OutboxBatch, Sink
from capture.sinks.base import BaseSink, Misconfigured
from privacy.holders import Finding, NeedsAttention, NotNow, Presence

AnySink = TypeVar("AnySink", bound=BaseSink)

GONE = "it is not configured any more"
GIVEN_UP = (
    "{name} is switched off and not configured any more, and was sent events once. Give its settings back, so that it "
    "can be emptied and read; of a store that does not exist any more, see “Switching a store off and on”."
)


class NotConfigured(Misconfigured):
    """The settings do not say any more where the store is."""

    def __init__(self) -> None:
        super().__init__(GONE)


def is_in_use(name: str) -> bool:
    """Whether the store may hold something of somebody: it is enabled, or was ever sent anything."""
    return sinks.is_enabled(name) or was_sent_anything(name)


def was_sent_anything(name: str) -> bool:
    """Erasure and back-fills lower `delivered`; nothing takes a cursor back to where it began."""
    begun = Sink.objects.filter(Q(delivered__gt=0) | Q(cursor_xid__gt=0), name=name)
    return begun.exists() or OutboxBatch.objects.filter(sink=name, attempts__gt=0).exists()


def opened(name: str, kind: type[AnySink], address: str) -> AnySink:
    """The sink of this name.

    Args:
        address: the attribute that says where the store is.

    Raises:
        NotConfigured: see there.
    """
    sink = sinks.get(name) if name in settings.SINKS else None
    if isinstance(sink, kind) and getattr(sink, address):
        return sink
    raise NotConfigured


def refusal(name: str) -> NotNow | NeedsAttention:
    """What a holder says of a store whose settings are gone: somebody decides once staff have switched it off."""
    if Sink.objects.filter(name=name, state=Sink.State.OFF).exists():
        return NeedsAttention(GIVEN_UP.format(name=name))
    return NotNow(f"{name}: {GONE}")


def unread() -> Finding:
    """What a reader of such a store found: nothing that could be known."""
    return Finding(Presence.UNREACHABLE, said=GONE)
