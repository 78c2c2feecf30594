"""A Pub/Sub of our own that Google's client talks to: as strict as the documentation, disturbed on request.

For what the emulator cannot answer: quota, permissions, sizes, a schema, an answer that got lost after the messages
were stored. Limits and permissions are those of Google's pages "Quotas and limits" and "Access control with IAM"; that
page does not name what lists a topic's snapshots, which is taken to be what lists its subscriptions.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

NAME = re.compile(r"projects/[^/]+/(?:topics|subscriptions|snapshots)/[a-zA-Z][a-zA-Z0-9._~%+-]{2,254}")
MOST_MESSAGES, MOST_BYTES = 1000, 10_000_000
MOST_ATTRIBUTES, LONGEST_KEY, LONGEST_VALUE = 100, 256, 1024
LOST = "lost"
"""The answer never comes, though what was asked is done."""
PERMISSIONS = {
    "Publish": "pubsub.topics.publish",
    "GetTopic": "pubsub.topics.get",
    "CreateTopic": "pubsub.topics.create",
    "UpdateTopic": "pubsub.topics.update",
    "ListTopicSubscriptions": "pubsub.topics.get",
    "ListTopicSnapshots": "pubsub.topics.get",
    "GetSubscription": "pubsub.subscriptions.get",
    "CreateSubscription": "pubsub.subscriptions.create",
    "UpdateSubscription": "pubsub.subscriptions.update",
    "GetSnapshot": "pubsub.snapshots.get",
    "Pull": "pubsub.subscriptions.consume",
    "Acknowledge": "pubsub.subscriptions.consume",
}


class Refused(Exception):
    def __init__(self, code: grpc.StatusCode, said: str) -> None:
        super().__init__(said)
        self.code = code


@dataclass
class Fault:
    """What the next calls of a method are answered; `is_done` after doing what was asked."""

    method: str
    answer: Any
    times: int = 1
    is_done: bool = False


@dataclass
class PubSub:
    """The servicer: `messages` has what each topic was given, in order."""

    topics: dict[str, Any] = field(default_factory=dict)
    subscriptions: dict[str, Any] = field(default_factory=dict)
    snapshots: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    waiting: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    requests: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    schema: Callable[[Any], bool] = lambda message: True
    allowed: Mapping[str, set[str]] | None = None
    used: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    lock: Any = field(default_factory=threading.RLock)

    def fail(self, method: str, answer: Any, times: int = 1, is_done: bool = False) -> None:
        self.faults.append(Fault(method, answer, times, is_done or answer == LOST))

    def call(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        with self.lock:
            self.requests.append(method)
            fault = next((one for one in self.faults if one.method == method and one.times), None)
            try:
                self._permit(method, context)
                if fault and not fault.is_done:
                    raise Refused(fault.answer, "as it was told to")
                answer = getattr(self, re.sub(r"(?<!^)([A-Z])", r"_\1", method).lower())(request)
            except Refused as refused:
                if fault:
                    fault.times -= 1
                context.abort(refused.code, str(refused))
        if fault:
            self._lose(fault, context)
        return answer

    def _lose(self, fault: Fault, context: grpc.ServicerContext) -> None:
        fault.times -= 1
        if fault.answer == LOST:
            gone = threading.Event()
            context.add_callback(gone.set)
            gone.wait(30)
        else:
            context.abort(fault.answer, "as it was told to")

    def _permit(self, method: str, context: grpc.ServicerContext) -> None:
        account = str(dict(context.invocation_metadata()).get("authorization", "")).removeprefix("Bearer ")
        if not account or self.allowed is None:
            return
        needed = {PERMISSIONS[method]}
        if method == "CreateSubscription":
            needed.add("pubsub.topics.attachSubscription")
        if lacking := needed - self.allowed[account]:
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED, f"{account} may not {method}: {', '.join(sorted(lacking))}"
            )
        self.used[account] |= needed

    def publish(self, request: Any) -> Any:
        topic = self._found(self.topics, request.topic)
        if not 0 < len(request.messages) <= MOST_MESSAGES or request.ByteSize() > MOST_BYTES:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "too many messages, too many bytes, or none")
        if not all(_is_allowed(message) and self.schema(message) for message in request.messages):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "a message is refused")
        held = self.messages[topic.name]
        first = len(held)
        for number, message in enumerate(request.messages):
            message.message_id = str(first + number)
            held.append(message)
        for name, subscription in self.subscriptions.items():
            if subscription.topic == topic.name:
                self.waiting[name] += request.messages
        return types.PublishResponse.pb()(message_ids=[message.message_id for message in request.messages])

    def pull(self, request: Any) -> Any:
        self._found(self.subscriptions, request.subscription)
        given = self.waiting[request.subscription][: request.max_messages]
        kind = types.ReceivedMessage.pb()
        received = [kind(ack_id=message.message_id, message=message) for message in given]
        return types.PullResponse.pb()(received_messages=received)

    def acknowledge(self, request: Any) -> Any:
        waiting = self.waiting[request.subscription]
        waiting[:] = [message for message in waiting if message.message_id not in request.ack_ids]
        return empty_pb2.Empty()

    def get_topic(self, request: Any) -> Any:
        return self._found(self.topics, request.topic)

    def create_topic(self, request: Any) -> Any:
        return self._made(self.topics, request)

    def update_topic(self, request: Any) -> Any:
        return self._changed(self.topics, request.topic, request.update_mask)

    def list_topic_subscriptions(self, request: Any) -> Any:
        self._found(self.topics, request.topic)
        names = [name for name, found in self.subscriptions.items() if found.topic == request.topic]
        return types.ListTopicSubscriptionsResponse.pb()(subscriptions=names)

    def list_topic_snapshots(self, request: Any) -> Any:
        self._found(self.topics, request.topic)
        names = [name for name, found in self.snapshots.items() if found.topic == request.topic]
        return types.ListTopicSnapshotsResponse.pb()(snapshots=names)

    def get_subscription(self, request: Any) -> Any:
        return self._found(self.subscriptions, request.subscription)

    def create_subscription(self, request: Any) -> Any:
        self._found(self.topics, request.topic)
        if not request.HasField("message_retention_duration"):
            request.message_retention_duration.FromSeconds(7 * 86_400)
        return self._made(self.subscriptions, request)

    def update_subscription(self, request: Any) -> Any:
        return self._changed(self.subscriptions, request.subscription, request.update_mask)

    def get_snapshot(self, request: Any) -> Any:
        return self._found(self.snapshots, request.snapshot)

    def _found(self, held: dict[str, Any], name: str) -> Any:
        if not NAME.fullmatch(name):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{name} is no name")
        if name not in held:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"there is no {name}")
        return held[name]

    def _made(self, held: dict[str, Any], wanted: Any) -> Any:
        if not NAME.fullmatch(wanted.name):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{wanted.name} is no name")
        if wanted.name in held:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"there is a {wanted.name}")
        held[wanted.name] = wanted
        return wanted

    def _changed(self, held: dict[str, Any], wanted: Any, mask: Any) -> Any:
        live = self._found(held, wanted.name)
        for name in mask.paths:
            live.ClearField(name)
            if wanted.HasField(name):
                getattr(live, name).CopyFrom(getattr(wanted, name))
        return live


def _is_allowed(message: Any) -> bool:
    attributes = message.attributes
    return (
        bool(message.data or attributes)
        and len(attributes) <= MOST_ATTRIBUTES
        and all(
            0 < len(key.encode()) <= LONGEST_KEY and len(value.encode()) <= LONGEST_VALUE
            for key, value in attributes.items()
        )
    )


REQUESTS: dict[str, dict[str, Any]] = {
    "Publisher": {
        "Publish": types.PublishRequest,
        "GetTopic": types.GetTopicRequest,
        "CreateTopic": types.Topic,
        "UpdateTopic": types.UpdateTopicRequest,
        "ListTopicSubscriptions": types.ListTopicSubscriptionsRequest,
        "ListTopicSnapshots": types.ListTopicSnapshotsRequest,
    },
    "Subscriber": {
        "GetSubscription": types.GetSubscriptionRequest,
        "CreateSubscription": types.Subscription,
        "UpdateSubscription": types.UpdateSubscriptionRequest,
        "GetSnapshot": types.GetSnapshotRequest,
        "Pull": types.PullRequest,
        "Acknowledge": types.AcknowledgeRequest,
    },
}


@contextmanager
def running() -> Iterator[tuple[PubSub, str]]:
    """The stand-in and its address, as an endpoint is written."""
    pubsub = PubSub()
    server = grpc.server(
        ThreadPoolExecutor(8),
        options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)],
    )
    for service, methods in REQUESTS.items():
        handlers = {method: _handler(pubsub, method, kind) for method, kind in methods.items()}
        service_name = f"google.pubsub.v1.{service}"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service_name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield pubsub, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def _handler(pubsub: PubSub, method: str, kind: Any) -> grpc.RpcMethodHandler:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        return pubsub.call(method, request, context)

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=kind.pb().FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )
