"""Places to deliver to that cost nothing."""

from typing import Any

from capture.sinks.base import BaseSink, Batch


class NullSink(BaseSink):
    """Takes every batch at once."""

    def deliver(self, batch: Batch) -> None:
        return

    def probe(self) -> None:
        return


class NullBroker:
    """As much of a STOMP connection as django-outbox-pattern's producer asks for."""

    def __init__(self, **_: Any) -> None:
        self.connected = False

    def is_connected(self) -> bool:
        return self.connected

    def connect(self, **_: Any) -> None:
        self.connected = True

    def disconnect(self) -> None:
        self.connected = False

    def send(self, **_: Any) -> None:
        return


def nothing(event: Any) -> None:
    """What the libraries that call functions call for each event."""
