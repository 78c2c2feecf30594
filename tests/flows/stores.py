"""What the three stores hold, read by clients of the tests' own, not by the sinks."""

import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from capture import schema


def in_log() -> Counter[str]:
    """How often each event id stands in the log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id FROM capture_event")
        return Counter(event_id for (event_id,) in cursor.fetchall())


@dataclass(frozen=True)
class Stores:
    """The session's three stores, by name in the settings."""

    redis: redis.Redis
    storage: storage.Client
    bigquery: bigquery.Client

    def empty(self) -> None:
        """Leaves the stores as they are after set-up: the servers outlive a test."""
        self.redis.flushall()
        for bucket in self.storage.list_buckets(prefix=settings.CLOUD_STORAGE_BUCKET):
            found = list(bucket.list_blobs(versions=True))
            bucket.delete_blobs(found, preserve_generation=True)  # by force it deletes 256 at most
            bucket.delete()
        self.bigquery.delete_dataset(settings.BIGQUERY_DATASET, delete_contents=True, not_found_ok=True)
        for command in ("setup_cloud_storage", "setup_bigquery"):
            call_command(command, stdout=io.StringIO())

    def objects(self) -> list[Any]:
        return list(self.storage.list_blobs(settings.CLOUD_STORAGE_BUCKET))

    def in_cloud_storage(self) -> Counter[str]:
        lines = [line for found in self.objects() for line in found.download_as_bytes().splitlines()]
        return Counter(json.loads(line)["event_id"] for line in lines)

    def in_bigquery(self) -> Counter[str]:
        dataset = f"{settings.BIGQUERY_PROJECT}.{settings.BIGQUERY_DATASET}"
        queries = [
            f"SELECT event_id FROM `{dataset}.{table}` WHERE timestamp > TIMESTAMP '2000-01-01'"
            for table in schema.TABLES.values()
        ]
        return Counter(row.event_id for query in queries for row in self.bigquery.query_and_wait(query))

    def redis_total(self, pattern: str, field: str) -> int:
        """The sum of one field over the hashes whose keys match."""
        return sum(int(self.redis.hget(key, field) or 0) for key in self._keys(pattern))

    def redis_scores(self, pattern: str) -> int:
        """The sum of the scores of the sorted sets whose keys match."""
        sets: list[Any] = [self.redis.zrange(key, 0, -1, withscores=True) for key in self._keys(pattern)]
        return sum(int(score) for members in sets for _, score in members)

    def _keys(self, pattern: str) -> list[str]:
        return list(self.redis.scan_iter(f"{settings.REDIS_PREFIX}{pattern}", count=1000))


def opened() -> Stores:
    return Stores(
        redis.Redis.from_url(settings.REDIS_URL, decode_responses=True),
        storage.Client(
            project=settings.BIGQUERY_PROJECT,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": settings.CLOUD_STORAGE_ENDPOINT},
        ),
        bigquery.Client(
            project=settings.BIGQUERY_PROJECT,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": settings.BIGQUERY_ENDPOINT},
        ),
    )
