"""The stores behind the sinks, and how to count what they hold."""

import json
import os
import uuid
from abc import ABC, abstractmethod
from collections import Counter

import redis
from google.cloud import bigquery, storage

from capture import schema
from capture.sinks import bigquery_setup, cloud_storage_setup
from capture.sinks.base import BaseSink, Batch
from capture.sinks.bigquery import BigQuerySink
from capture.sinks.cloud_storage import CloudStorageSink
from capture.sinks.memory import MemorySink
from capture.sinks.redis import RedisSink
from leafloaf.stack.throwaway import ThrowawayStack

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
    def __init__(self, project: str, endpoint: str) -> None:
        dataset = f"leafloaf_contract_{uuid.uuid4().hex}"
        sink = BigQuerySink(project, dataset, "northamerica-northeast1", endpoint)
        bigquery_setup.set_up(sink, retention_days=90)
        self.sink: BigQuerySink = sink
        self.unreachable = BigQuerySink(project, dataset, endpoint=f"http://{NOBODY}")

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
    is_google = name.startswith("google-")
    project = google_project() if is_google else environment["BIGQUERY_PROJECT"]
    if name.endswith("cloud_storage"):
        return CloudStorageStore(project, "" if is_google else environment["CLOUD_STORAGE_ENDPOINT"])
    return BigQueryStore(project, "" if is_google else environment["BIGQUERY_ENDPOINT"])
