"""Celery's broker on Google's Pub/Sub: kombu's transport, whose failures Celery does not know as a broker's.

Kombu lets Google's errors through as they are, and a worker that meets one takes it for a mistake of the program and
ends. Here they are what they mean, `Away`, and what is asked before a message is sent gives up after seconds: left
alone it goes on for a minute. The message itself is sent by Google's client from a thread of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from kombu.transport import gcpubsub

ASKING_SECONDS = 5.0
FAILURES = (exceptions.GoogleAPIError, auth_exceptions.GoogleAuthError)


class Away(OSError):
    """Pub/Sub does not answer, or does not let us."""


@contextmanager
def told() -> Iterator[None]:
    """
    Raises:
        Away: see there.
    """
    try:
        yield
    except FAILURES as error:
        raise Away(f"Pub/Sub: {type(error).__name__}") from error


class Impatient:
    """A client of Google's whose calls of these names are tried once, and not for long."""

    def __init__(self, client: Any, *names: str) -> None:
        self._client, self._names = client, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name not in self._names:
            return found
        return lambda **asked: found(**asked, retry=None, timeout=ASKING_SECONDS)


class Channel(gcpubsub.Channel):
    """Kombu's, but for what failures are called and how long they take."""

    @cached_property
    def publisher(self) -> Any:
        return Impatient(PublisherClient(), "get_topic", "create_topic")

    @cached_property
    def subscriber(self) -> Any:
        return Impatient(
            SubscriberClient(), "create_subscription", "update_subscription", "delete_subscription"
        )

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Kombu has noted the binding already, and would not try again what fails here."""
        try:
            with told():
                super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]
        except Away:
            self.state.queue_bindings_delete(queue)
            raise

    def _put(self, *arguments: Any, **options: Any) -> None:
        with told():
            super()._put(*arguments, **options)  # type: ignore[no-untyped-call]

    def _put_fanout(self, *arguments: Any, **options: Any) -> None:
        with told():
            super()._put_fanout(*arguments, **options)  # type: ignore[no-untyped-call]


class Transport(gcpubsub.Transport):
    Channel = Channel
    connection_errors = (*gcpubsub.Transport.connection_errors, Away, *FAILURES)  # type: ignore[assignment]
