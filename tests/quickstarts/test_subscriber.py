"""The subscriber of docs/streams.md, as it stands: doubles, a deletion, and what comes after it."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from msgspec import structs

from capture.records import Record
from capture.sinks import pubsub_messages
from capture.sinks.base import Batch
from leafloaf.stack.services import REPOSITORY
from tests.capture.stores import PubSubStore
from tests.capture.test_sink_contract import batch, records

# Postgres ends a transaction that was idle for a minute, and the subscriber may take that long to start.
pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLE = REPOSITORY / "docs" / "examples" / "subscriber.py"
PAGE = REPOSITORY / "docs" / "streams.md"


@pytest.fixture(params=["stand-in", "emulator"])
def store(request: pytest.FixtureRequest) -> Iterator[PubSubStore]:
    if request.param == "emulator":
        opened = PubSubStore("shop-1", f"http://{request.getfixturevalue('pubsub_emulator')}")
    else:
        opened = PubSubStore("", "")
    yield opened
    opened.clean()


def kept(store: PubSubStore, path: Path) -> set[str]:
    """Runs the subscriber until nothing comes any more; the ids that it has."""
    environment = os.environ | {"PUBSUB_EMULATOR_HOST": urlsplit(store.sink.endpoint).netloc}
    words = [sys.executable, str(EXAMPLE), store.sink.project, store.sink.topic, str(path)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(path) as shelf:
        found = {event_id for (event_id,) in shelf.execute("SELECT event_id FROM event")}
    shelf.close()
    return found


def of(rows: list[Record], user_id: str | None, session_id: str) -> list[Record]:
    return [structs.replace(row, user_id=user_id, session_id=session_id) for row in rows]


def ids(*rows: list[Record]) -> set[str]:
    return {row.event_id for some in rows for row in some}


def delete(store: PubSubStore, user_id: str, sessions: list[str], before: datetime | None = None) -> None:
    message = pubsub_messages.of_deletion(user_id, sessions, before, datetime.now(UTC))  # type: ignore[arg-type]
    for request in pubsub_messages.requests(store.sink.path, [message, message]):
        store.sink.publish(request)


def test_it_keeps_every_event_once_and_whom_it_was_told_to_erase_not_at_all(
    store: PubSubStore, tmp_path: Path
) -> None:
    ann, ben, path = str(uuid4()), str(uuid4()), tmp_path / "events.sqlite"
    hers, before, late = of(records(10), ann, "a"), of(records(5), None, "a"), of(records(3), ann, "a")
    his, others = of(records(10), ben, "b"), of(records(5), None, "c")
    sent: Batch = batch([*hers, *before, *his, *others])
    store.sink.deliver(sent)
    store.sink.deliver(sent)
    assert kept(store, path) == ids(hers, before, his, others)
    delete(store, ann, ["a"])
    assert kept(store, path) == ids(his, others)
    store.sink.deliver(batch([*late, *hers]))
    assert kept(store, path) == ids(his, others), "what comes late is refused"
    store.sink.deliver(
        batch(old := [structs.replace(row, received_at=long_ago()) for row in of(records(4), ben, "b")])
    )
    assert kept(store, path) == ids(his, others, old)
    delete(store, ben, [], before=long_ago() + timedelta(days=1))
    assert kept(store, path) == ids(his, others)


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(days=40)


def test_the_page_shows_what_is_run() -> None:
    shown = PAGE.read_text().split("```python\n")[1].split("```")[0]
    assert shown in EXAMPLE.read_text()
    said = json.loads(PAGE.read_text().split("```json\n")[1].split("```")[0])
    message = pubsub_messages.of_deletion(uuid4(), ["visit-7"], None, datetime.now(UTC))
    assert set(said) == set(json.loads(message.data))
