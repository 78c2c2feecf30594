"""Everything there is, searched for something: every table, key, object, row, message and log line, in every spelling.

The readers are the tests' own: they know nothing of what erasure knows, only of the stores.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from django.conf import settings
from django.db import connection

from tests.flows.stores import Stores

TABLES = """
    SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
      AND c.relkind <> 'S'
"""
TOMBSTONE = {"privacy_tombstone"}
"""Where a keyed hash of the person's id may stay."""

Hit = tuple[str, str]


def spellings(secret: bytes) -> set[bytes]:
    """16 bytes as somebody may have written them: hex, UUID, base64 of the bytes and of the text, URL, JSON, raw."""
    text = secret.hex()
    uuid = "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])
    plain = [text, text.upper(), uuid, uuid.upper()]
    spelt = {form.encode() for form in plain} | {secret}
    spelt |= {form.encode().hex().encode() for form in plain} | {quote(form).encode() for form in plain}
    for form in [secret, *(form.encode() for form in plain)]:
        spelt |= set(in_base64(form))
    return spelt


def in_base64(content: bytes) -> Iterator[bytes]:
    """What base64 of a longer text shows of the content, wherever in it that begins."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            encoded = encode(bytes(before) + content)
            begin, end = -(-before * 8 // 6), (before + len(content)) * 8 // 6
            yield encoded[begin:end]


def hits(stores: Stores, wanted: set[bytes], *folders: Path) -> list[Hit]:
    """Where any of it stands: (store, place)."""
    places = [
        *in_postgres(),
        *in_what_is_learned(),
        *in_redis(),
        *in_cloud_storage(stores),
        *in_bigquery(stores),
        *in_files(folders),
    ]
    return sorted(
        {(store, place) for store, place, content in places if any(one in content for one in wanted)}
    )


def in_postgres() -> Iterator[tuple[str, str, bytes]]:
    """Every row of every table as Postgres writes it; bytes as hex."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        tables = [table for (table,) in cursor.fetchall() if table not in TOMBSTONE]
        for table in tables:
            cursor.execute(f"SELECT row::text FROM {table} AS row")
            for (row,) in cursor.fetchall():
                yield "postgres", table, row.encode()


def in_what_is_learned() -> Iterator[tuple[str, str, bytes]]:
    """Fitted predictions, which are packed: every version, in use or kept."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM personalization_learnedversion")
        for (content,) in cursor.fetchall():
            yield "postgres", "what is learned", zlib.decompress(content)


def in_redis() -> Iterator[tuple[str, str, bytes]]:
    """Every key with its value, as bytes; bodies of Celery's messages are base64 in them."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        read: dict[bytes, Callable[[bytes], Any]] = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1),
        }
        for key in client.scan_iter("*", count=1000):
            if (kind := client.type(key)) == b"none":  # its time came meanwhile
                continue
            value = read[kind](key)
            yield "redis", key.decode(), b" ".join([key, *flat(value)])


def flat(value: Any) -> list[bytes]:
    if isinstance(value, dict):
        return [part for pair in value.items() for part in pair]
    return list(value) if isinstance(value, list | set) else [value or b""]


def in_cloud_storage(stores: Stores) -> Iterator[tuple[str, str, bytes]]:
    """Every generation of every object of every bucket, unzipped, with its name and metadata."""
    for bucket in stores.storage.list_buckets():
        for blob in stores.storage.list_blobs(bucket, versions=True):
            content = bucket.blob(blob.name, generation=blob.generation).download_as_bytes(raw_download=True)
            if content[:2] == b"\x1f\x8b":
                content = gzip.decompress(content)
            yield "cloud_storage", blob.name, f"{blob.name} {blob.metadata} ".encode() + content


def in_bigquery(stores: Stores) -> Iterator[tuple[str, str, bytes]]:
    for dataset in stores.bigquery.list_datasets():
        for table in stores.bigquery.list_tables(dataset.dataset_id):
            if table.table_type == "TABLE":
                for row in stores.bigquery.list_rows(table):
                    yield "bigquery", table.table_id, json.dumps(dict(row.items()), default=str).encode()


def in_files(folders: tuple[Path, ...]) -> Iterator[tuple[str, str, bytes]]:
    """Logs, and the folder of a broker that is none but files; bodies of messages are base64 inside JSON."""
    for folder in folders:
        for file in folder.rglob("*") if folder.is_dir() else [folder]:
            if file.is_file():
                yield "files", str(file), file.read_bytes()


def broker_folder() -> Path:
    return Path(settings.VAR_DIR)
