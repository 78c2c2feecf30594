"""A database with one catalogue in it, and the shop that answers from it."""

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command, get_commands
from django.db import connections

from bench.search.engines.ours import Http
from bench.stack import Stack
from leafloaf.access import keys
from leafloaf.access.models import ApiClient

EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO public"
WORKERS, THREADS = 2, 4  # as shipped


@dataclass(frozen=True)
class Loaded:
    """How long a catalogue took: the command itself, and the vectors, which a worker makes after it."""

    load_seconds: float
    embedding_seconds: float


def load(stack: Stack, catalogue: Path, afterwards: Sequence[str]) -> Loaded:
    """Into an empty database."""
    connections.close_all()
    with psycopg.connect(stack.database_url, autocommit=True) as own:
        own.execute(EMPTY)
    ContentType.objects.clear_cache()
    call_command("migrate", verbosity=0)
    started = time.perf_counter()
    call_command("load_catalogue", str(catalogue))
    loaded = time.perf_counter()
    for command in afterwards:
        if command in get_commands():
            called(command)
    done = time.perf_counter()
    return Loaded(loaded - started, done - loaded)


def called(command: str) -> None:
    """Without what it needs it does nothing but say so: the search goes by words alone then."""
    try:
        call_command(command, stderr=io.StringIO())
    except CommandError as error:
        print(error, flush=True)


def settle(stack: Stack) -> None:
    """What autovacuum would do within a minute."""
    with psycopg.connect(stack.database_url, autocommit=True) as own:
        own.execute("VACUUM ANALYZE")


@contextmanager
def serving(stack: Stack) -> Iterator[dict[str, Http]]:
    """The shop over HTTP by how it is asked; without the semantic half there is no `hybrid`."""
    key = keys.create("Bench search", ApiClient.Kind.SECRET)
    process, port = stack.granian("shop", workers=WORKERS, threads=THREADS, settings="leafloaf.settings")
    asked = {
        "keyword": Http("LeafLoaf, keyword", port, key),
        "hybrid": Http("LeafLoaf, hybrid", port, key, alpha=None),
    }
    try:
        if not asked["hybrid"].alpha_in_effect():
            print("The alpha in effect is 0: no hybrid search here.", flush=True)
            asked.pop("hybrid").close()
        yield asked
    finally:
        for one in asked.values():
            one.close()
        stack.stop(process)
        connections.close_all()
