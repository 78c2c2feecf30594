"""Pub/Sub: a message for each event, for whoever wants events as they come.

A request to publish is stored as a whole or not at all, and answered once it is durable ("Publish messages to topics"),
so a batch is sent with that call itself, a few hundred messages at once, and not through the client's own batching,
which answers later and from another thread. Pub/Sub has no condition to publish under: when nobody heard the answer,
the messages are sent again, and may be in the stream twice. `event_id` tells them.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient, SubscriberClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from capture import retry
from capture.records import learn
from capture.sinks import google_accounts, pubsub_messages
from capture.sinks.base import (
    TIMEOUT_SECONDS,
    Acknowledged,
    BaseSink,
    Batch,
    Difference,
    Misconfigured,
    Recount,
    RecountUnsupported,
    Refusal,
    RowsRefused,
)
from capture.sinks.google_accounts import READER, Accounts, Acting
from capture.sinks.pubsub_answers import FAILURES, classified

CHANNEL = (("grpc.max_reconnect_backoff_ms", 5_000), ("grpc.initial_reconnect_backoff_ms", 500))
"""Left alone, a connection that was away long is not tried again for two minutes."""
UNFINISHED = 100
"""Batches of which it is remembered what was acknowledged."""
REMEMBERED_SECONDS = 2 * retry.CEILING.total_seconds()
"""And for how long: a batch is tried again sooner. One that another process finished may be filled in again later, and
is wanted whole then."""


class PubSubSink(BaseSink, Acting):
    """Publishes to the topic that `setup_pubsub` made; never makes one itself.

    Args:
        endpoint: another address than Google's own; an http:// one is a local emulator and gets no credentials. The
            variable PUBSUB_EMULATOR_HOST is not looked at: it would send a shop's events to nowhere.
        accounts: as whom it reads, erases and verifies; it publishes as `account`, which is the process's own when
            empty. What publishes can neither read a message nor change topic and subscriptions.
    """

    def __init__(
        self, project: str, topic: str, endpoint: str = "", accounts: Accounts = (), account: str = ""
    ) -> None:
        self.project = project
        self.topic = topic
        self.endpoint = endpoint
        Acting.__init__(self, accounts, account)
        self._acknowledged: OrderedDict[str, tuple[float, set[str]]] = OrderedDict()

    def as_account(self, account: str) -> "PubSubSink":
        return PubSubSink(self.project, self.topic, self.endpoint, self.accounts, account)

    @property
    def path(self) -> str:
        return f"projects/{self.project}/topics/{self.topic}"

    @property
    def is_local(self) -> bool:
        return self.endpoint.startswith("http://")

    @cached_property
    def channel(self) -> grpc.Channel:
        address = urlsplit(self.endpoint).netloc or PublisherClient.DEFAULT_ENDPOINT
        if self.is_local:
            return grpc.insecure_channel(address, options=CHANNEL)
        channel: grpc.Channel = PublisherGrpcTransport.create_channel(
            address if ":" in address else f"{address}:443",
            credentials=google_accounts.credentials(self.account, self.endpoint),
            options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), *CHANNEL],
        )
        return channel

    @cached_property
    def publisher(self) -> PublisherClient:
        return PublisherClient(transport=PublisherGrpcTransport(channel=self.channel))

    @cached_property
    def subscriber(self) -> SubscriberClient:
        return SubscriberClient(transport=SubscriberGrpcTransport(channel=self.channel))

    def how(self, timeout: float = TIMEOUT_SECONDS) -> dict[str, Any]:
        """What every call is made with; a local server is told the account's name."""
        asking = [("authorization", f"Bearer {self.account}")] if self.is_local and self.account else []
        return {"timeout": timeout, "retry": None, "metadata": asking}

    def deliver(self, batch: Batch) -> None:
        learn(batch.records)
        done = self._already(batch)
        messages = [
            pubsub_messages.of_event(record, batch.label)
            for record in batch.records
            if record.event_id not in done
        ]
        refusals = pubsub_messages.too_large(self.path, messages)
        if not refusals:
            for request in pubsub_messages.requests(self.path, messages):
                refusals |= self._send(batch, request)
        if refusals:
            raise _all_or_some(refusals, len(batch.records))
        self._acknowledged.pop(batch.label, None)

    def _send(self, batch: Batch, request: Any) -> dict[str, Refusal]:
        """Publishes these messages; of those that are refused, each is found by publishing halves."""
        try:
            self.publish(request, batch.seconds_left())
        except exceptions.InvalidArgument as error:
            messages = request.messages
            if len(messages) == 1:
                return {
                    messages[0].attributes["event_id"]: Refusal(error.message, {"code": "INVALID_ARGUMENT"})
                }
            middle = len(messages) // 2
            halves = [
                pubsub_messages.Request(topic=request.topic, messages=half)
                for half in (messages[:middle], messages[middle:])
            ]
            return self._send(batch, halves[0]) | self._send(batch, halves[1])
        except FAILURES as error:
            raise classified(error) from error
        self._remember(batch.label, request)
        return {}

    def publish(self, request: Any, timeout: float = TIMEOUT_SECONDS) -> None:
        """One request, tried once.

        Raises:
            FAILURES: what Pub/Sub answered, or that it did not.
        """
        self.publisher.publish(request=types.PublishRequest.wrap(request), **self.how(timeout))

    def _already(self, batch: Batch) -> set[str]:
        """The events of the batch that this process had acknowledged lately, in attempts that did not end well."""
        at, done = self._acknowledged.get(batch.label, (0.0, set()))
        if batch.is_repeated and time.monotonic() - at < REMEMBERED_SECONDS:
            return done
        self._acknowledged.pop(batch.label, None)
        return set()

    def _remember(self, label: str, request: Any) -> None:
        """So that a batch whose next request fails, or that had rows refused, does not send these again."""
        done = self._acknowledged.get(label, (0.0, set()))[1]
        done.update(message.attributes["event_id"] for message in request.messages)
        self._acknowledged[label] = time.monotonic(), done
        while len(self._acknowledged) > UNFINISHED:
            self._acknowledged.popitem(last=False)

    def probe(self) -> None:
        try:
            self.publisher.get_topic(topic=self.path, **self.how())
        except FAILURES as error:
            raise classified(error) from error

    def differences(self, retention_days: int) -> Sequence[Difference]:
        """Whether the topic is there, and nothing of it is kept for longer than an erasure may take."""
        from capture.sinks import pubsub_retention

        return pubsub_retention.differences(self.acting(READER))

    def recount(self, batches: Sequence[Acknowledged]) -> Mapping[str, Recount]:
        raise RecountUnsupported("it hands messages on and keeps none that could be counted")


def _all_or_some(refusals: dict[str, Refusal], count: int) -> Exception:
    """What refuses every event of several is not about the events."""
    if len(refusals) == count > 1:
        said = next(iter(refusals.values())).reason
        return Misconfigured(f"the topic refuses every message: {said}")
    return RowsRefused(refusals)
