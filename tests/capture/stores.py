"""The stores behind the sinks, and how to count what they hold."""

import json
import os
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import redis
from google.api_core import exceptions
from google.cloud import bigquery, storage

from capture import schema
from capture.sinks import bigquery_setup, cloud_storage_setup, pubsub_setup, spanner_setup
from capture.sinks.base import BaseSink, Batch
from capture.sinks.bigquery import INSERT_ALL, BigQuerySink
from capture.sinks.cloud_storage import CloudStorageSink
from capture.sinks.memory import MemorySink
from capture.sinks.meter import STORAGE_WRITE
from capture.sinks.pubsub import PubSubSink
from capture.sinks.redis import RedisSink
from capture.sinks.spanner import SpannerSink
from capture.sinks.spanner_tables import ACCOUNT
from leafloaf.stack.throwaway import ThrowawayStack
from tests.pubsub import server
from tests.spanner import server as spanner_server

NOBODY = "127.0.0.1:9"
PROJECT_VARIABLE = "LEAFLOAF_TEST_GOOGLE_PROJECT"


class Store(ABC):
    """One store: a sink that writes to it, one that reaches nobody, and a look inside."""

    sink: BaseSink
    unreachable: BaseSink | None

    @abstractmethod
    def held(self, batch: Batch) -> Counter[str]:
        """How many copies of each event of the batch the store holds."""

    @abstractmethod
    def clean(self) -> None:
        """Leaves nothing behind in a store that outlives the test."""


class MemoryStore(Store):
    def __init__(self) -> None:
        self.memory = MemorySink()
        self.sink, self.unreachable = self.memory, None

    def held(self, batch: Batch) -> Counter[str]:
        return Counter(document["event_id"] for document in self.memory.records)

    def clean(self) -> None:
        self.memory.batches.clear()


class RedisStore(Store):
    """Redis keeps no event as a whole: a search is counted by its key, the others by what they added up to."""

    def __init__(self, url: str) -> None:
        self.prefix = f"contract-{uuid.uuid4()}:"
        self.sink = RedisSink(url, self.prefix)
        self.unreachable = RedisSink(f"redis://{NOBODY}", self.prefix)
        self.client = redis.Redis.from_url(url, decode_responses=True)

    def held(self, batch: Batch) -> Counter[str]:
        counts: Counter[str] = Counter()
        for key in self.client.scan_iter(f"{self.prefix}events:daily:*"):
            for event_type, count in self.client.hgetall(key).items():
                ids = [record.event_id for record in batch.records if record.event_type == event_type]
                whole, rest = divmod(int(count), len(ids) or 1)
                counts.update({event_id: whole + (place < rest) for place, event_id in enumerate(ids)})
        return counts

    def clean(self) -> None:
        for key in self.client.scan_iter(f"{self.prefix}*"):
            self.client.delete(key)
        self.client.close()


class CloudStorageStore(Store):
    def __init__(self, project: str, endpoint: str) -> None:
        bucket = f"leafloaf-contract-{uuid.uuid4()}"
        sink = CloudStorageSink(bucket, endpoint, project, "northamerica-northeast1")
        cloud_storage_setup.set_up(sink, retention_days=90)
        self.sink: CloudStorageSink = sink
        self.unreachable = CloudStorageSink(bucket, f"http://{NOBODY}", project)

    @property
    def bucket(self) -> storage.Bucket:
        return self.sink.bucket

    def held(self, batch: Batch) -> Counter[str]:
        objects = self.sink.client.list_blobs(self.sink.bucket_name)
        lines = [line for found in objects for line in found.download_as_bytes().splitlines()]
        return Counter(json.loads(line)["event_id"] for line in lines)

    def clean(self) -> None:
        self.bucket.delete(force=True)


class BigQueryStore(Store):
    def __init__(
        self, project: str, endpoint: str, method: str = INSERT_ALL, write_endpoint: str = ""
    ) -> None:
        dataset = f"leafloaf_contract_{uuid.uuid4().hex}"
        sink = BigQuerySink(
            project,
            dataset,
            "northamerica-northeast1",
            endpoint,
            method=method,
            write_endpoint=write_endpoint,
        )
        bigquery_setup.set_up(sink, retention_days=90)
        self.sink: BigQuerySink = sink
        nowhere = f"http://{NOBODY}"
        self.unreachable = BigQuerySink(
            project, dataset, endpoint=nowhere, method=method, write_endpoint=nowhere
        )

    @property
    def client(self) -> bigquery.Client:
        return self.sink.client

    def held(self, batch: Batch) -> Counter[str]:
        counts: Counter[str] = Counter()
        for event_type in schema.TABLES:
            rows = self.client.query_and_wait(
                f"SELECT event_id FROM `{self.sink.table(event_type)}` WHERE timestamp > TIMESTAMP '2000-01-01'"
            )
            counts.update(row.event_id for row in rows)
        return counts

    def clean(self) -> None:
        self.client.delete_dataset(self.sink.dataset, delete_contents=True)


class PubSubStore(Store):
    """What a subscriber has who tells doubles by `event_id`: Pub/Sub promises each message at least once."""

    def __init__(self, project: str, endpoint: str) -> None:
        topic = f"leafloaf-contract-{uuid.uuid4()}"
        self.open = ExitStack()
        self.pubsub: server.PubSub | None = None
        if not project:
            project, (self.pubsub, endpoint) = "shop-1", self.open.enter_context(server.running())
        self.sink: PubSubSink = PubSubSink(project, topic, endpoint)
        self.unreachable: PubSubSink = PubSubSink(project, topic, f"http://{NOBODY}")
        self.subscription = f"projects/{project}/subscriptions/{topic}"
        pubsub_setup.set_up(self.sink, timedelta(hours=1), topic)
        self.copies: Counter[str] = Counter()

    def held(self, batch: Batch) -> Counter[str]:
        self.receive()
        return Counter(self.copies.keys())

    def receive(self) -> None:
        """Takes every message out, and counts it in `copies`; more come until two looks have found none."""
        misses = 0
        while misses < 2:
            try:
                asked = {"subscription": self.subscription, "max_messages": 1000}
                found = self.sink.subscriber.pull(request=asked, timeout=1, retry=None).received_messages
            except exceptions.DeadlineExceeded:
                found = []
            misses = 0 if found else misses + 1
            self.copies.update(each.message.attributes["event_id"] for each in found)
            if found:
                ack_ids = [each.ack_id for each in found]
                self.sink.subscriber.acknowledge(subscription=self.subscription, ack_ids=ack_ids)

    def clean(self) -> None:
        if self.pubsub is None:
            self.sink.subscriber.delete_subscription(subscription=self.subscription)
            self.sink.publisher.delete_topic(topic=self.sink.path)
        self.sink.channel.close()
        self.unreachable.channel.close()
        self.open.close()


class SpannerStore(Store):
    """Spanner keeps no event but what is remembered of people: the sink's own account says how many came in."""

    def __init__(self, project: str, endpoint: str) -> None:
        self.open = ExitStack()
        if not endpoint:
            _, endpoint = self.open.enter_context(spanner_server.running())
        database = f"c{uuid.uuid4().hex[:20]}"
        where, source = (project, "leafloaf", database), "tests.spanner.nobody.source"
        self.sink: SpannerSink = SpannerSink(*where, endpoint, source)
        self.unreachable: SpannerSink = SpannerSink(*where, f"http://{NOBODY}", source)
        spanner_setup.set_up(self.sink)

    def held(self, batch: Batch) -> Counter[str]:
        rows = self.sink.read(ACCOUNT, {"all_": True})
        whole, rest = divmod(sum(row["events"] for row in rows), len(batch.records) or 1)
        ids = [record.event_id for record in batch.records]
        return Counter({event_id: whole + (place < rest) for place, event_id in enumerate(ids)})

    def clean(self) -> None:
        for sink in (self.sink, self.unreachable):
            if sink.channel:
                sink.channel.close()
        self.open.close()


def google_project() -> str:
    """The Google Cloud project to run the contract against, with the caller's own credentials; empty for none."""
    return os.environ.get(PROJECT_VARIABLE, "")


def opened(name: str, stack: ThrowawayStack) -> Store:
    """The store of this name: local ones from the session's stack, `google-…` for the real thing."""
    environment = stack.environment
    if name == "memory":
        return MemoryStore()
    if name == "redis":
        return RedisStore(environment["REDIS_URL"])
    if name == "pubsub":
        return PubSubStore("", "")
    if name == "spanner":
        return SpannerStore("shop-1", "")
    is_google = name.startswith("google-")
    project = google_project() if is_google else environment["BIGQUERY_PROJECT"]
    if name.endswith("pubsub"):
        return PubSubStore(project, "")
    if name.endswith("cloud_storage"):
        return CloudStorageStore(project, "" if is_google else environment["CLOUD_STORAGE_ENDPOINT"])
    method = STORAGE_WRITE if "storage_write" in name else INSERT_ALL
    addresses = [environment[variable] for variable in ("BIGQUERY_ENDPOINT", "BIGQUERY_WRITE_ENDPOINT")]
    endpoint, write_endpoint = ("", "") if is_google else addresses
    return BigQueryStore(project, endpoint, method, write_endpoint)
