"""A bucket of several people's lines, and what an erasure does to it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_django import Settings

from capture import deliver, ingest, reconcile
from capture.holders.cloud_storage import CloudStorageHolder
from capture.holders.log import EventLogHolder
from capture.sinks.cloud_storage import CloudStorageSink
from privacy.holders import Plan, Scope, Task
from privacy.models import Subject
from tests.calls import search
from tests.capture.stores import CloudStorageStore
from tests.conftest import memory_configuration

SIZE = 10

holder = CloudStorageHolder()


def configure(settings: Settings, sink: CloudStorageSink, size: int = SIZE, **changes: Any) -> None:
    options = {"bucket": sink.bucket_name, "endpoint": sink.endpoint, "project": sink.project} | changes
    backend = f"{CloudStorageSink.__module__}.{CloudStorageSink.__name__}"
    settings.SINKS = {
        "cloud_storage": memory_configuration(BACKEND=backend, BATCH_SIZE=size, OPTIONS=options)
    }


def capture(*bodies: dict[str, Any]) -> None:
    receipt = ingest.accept([json.dumps(body).encode() for body in bodies])
    assert receipt.accepted == len(bodies), receipt


def visited(count: int, people: int = 5) -> None:
    """Events of several people in turn, so that every object is shared."""
    turns = [(number, f"user_{number % people}") for number in range(count)]
    capture(*(search(user_id=user, query=f"milk {number}") for number, user in turns))
    deliver.drain("cloud_storage", is_final=True)


def scope(user: str = "user_0", sessions: Sequence[str] = (), before: datetime | None = None) -> Scope:
    return Scope(Subject.objects.get(user_id=user).id, tuple(sessions), before)


def task(of: Scope, plan: Plan | None = None) -> Task:
    return Task(of, plan or holder.plan(of), datetime.now(UTC))


def leave_the_log(of: Scope, *, waits: bool = False) -> None:
    """What comes first: the events go, and their batches are those that are left.

    Args:
        waits: something sent may still be on its way to the store.
    """
    in_log = EventLogHolder()
    planned = Task(of, in_log.plan(of), datetime.now(UTC))
    assert [purged.again_at is not None for purged in in_log.erase([planned])] == [waits]


def erase(*scopes: Scope) -> list[Task]:
    tasks = [task(of) for of in scopes]
    for of in scopes:
        leave_the_log(of)
    assert all(purged.again_at is None for purged in holder.erase(tasks))
    return tasks


Lines = dict[str, list[bytes]]


def in_bucket(store: CloudStorageStore) -> Lines:
    """The lines of each live object, in order."""
    listed = store.sink.client.list_blobs(store.sink.bucket_name)
    return {blob.name: blob.download_as_bytes().splitlines(keepends=True) for blob in listed}


def without(lines: Lines, *scopes: Scope) -> Lines:
    """The same with nobody of these, and without the objects that had nothing else."""
    gone = {str(of.subject_id) for of in scopes}
    left = {
        name: [line for line in held if json.loads(line)["user_id"] not in gone]
        for name, held in lines.items()
    }
    return {name: held for name, held in left.items() if held}


def total(lines: Lines) -> int:
    return sum(map(len, lines.values()))


def recounts_whole() -> bool:
    tally = reconcile.everything("cloud_storage", min_age=timedelta(0))
    return tally.lost == {} and not tally.doubled and not tally.incomparable and not tally.stopped
