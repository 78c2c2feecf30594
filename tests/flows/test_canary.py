"""Somebody uses everything, with a mark wherever they may say something, and is erased: it is nowhere any more."""

import base64
import gzip
import json
import logging
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from google.cloud import storage

from capture import deliver, ledger
from personalization.learning import fitting
from personalization.models import LearnedVersion
from privacy.models import DeletionRequest, Subject
from tests.calls import Api
from tests.flows import everywhere
from tests.flows.canary import Canary, shop
from tests.flows.passing_time import counted_in, until
from tests.flows.stores import Stores, in_log
from tests.standins import Standin

REQUESTS = "/api/v1/privacy/deletion-requests"
STATES = DeletionRequest.State
LEARNED: dict[str, Any] = dict.fromkeys(
    ("lines", "shoppers", "products", "days", "fit_seconds", "peak_megabytes"), 0
) | {"is_learned": False, "is_reorder_learned": False}


@pytest.fixture
def bigquery() -> Iterator[Standin]:
    """Its clock is its own; the streaming buffer lasts as long as Google's."""
    control = Standin(settings.BIGQUERY_ENDPOINT)
    yield control
    control.mend()


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """Everything that is logged, of every level."""
    file = tmp_path / "log" / "all.log"
    file.parent.mkdir()
    handler, root = logging.FileHandler(file), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.INFO)  # paths of objects and queries are the stand-ins' own
    yield file
    root.removeHandler(handler)
    root.setLevel(level)
    handler.close()


def drained() -> None:
    for name in settings.SINKS:
        deliver.drain(name, is_final=True)


def learned() -> None:
    """The nightly fit, before anybody goes: it knows what the catalogue has, and nothing that one shopper named."""
    version = fitting.fit()
    assert version is not None
    assert version.products == 1


def neighbour(api: Api) -> Canary:
    """Somebody else who does the same, in the same batches."""
    other = Canary(api)
    other.uses_everything()
    return other


def erased(canary: Canary, bigquery: Standin, late: bool = False) -> dict[str, Any]:
    """The certificate at the end of an erasure; with late events in every state, all of them refused."""
    opened = canary.call("POST", REQUESTS, {"cooling_off_hours": 0}).json()
    seen: set[str] = set()

    def is_over() -> bool:
        state = DeletionRequest.objects.get(pk=opened["id"]).state
        if late and state not in seen:
            seen.add(state)
            refuses_late_events(canary)
        return bool(state == STATES.CERTIFIED)

    is_over()
    until(is_over, bigquery)
    return dict(canary.call("GET", f"{REQUESTS}/{opened['id']}/certificate").json())


def refuses_late_events(canary: Canary) -> None:
    before = in_log()
    late = canary.late_events()
    if not Subject.objects.filter(user_id=canary.user_id).exists():
        late = [one for one in late if is_of_the_past(one)]
    verdict = canary.send(late)
    assert (verdict["accepted"], verdict["duplicates"], verdict["rejected"]) == (0, 0, [])
    assert verdict["suppressed"] == len(late)
    drained()
    assert in_log() == before


def is_of_the_past(event: dict[str, Any]) -> bool:
    """Whoever comes back is somebody new; what happened before the end never was theirs."""
    return event.get("timestamp", "9") < datetime.now(UTC).isoformat() or "user_id" not in event


def test_nothing_is_left_of_who_was_erased(
    stores: Stores, secret: Api, bigquery: Standin, log_file: Path
) -> None:
    shop()
    Group.objects.get_or_create(name="support")
    canary, other = Canary(secret), neighbour(secret)
    canary.uses_everything()
    pseudonym = canary.subject_id.bytes
    canary.send(canary.events())
    counted_in()
    learned()
    drained()
    wanted = everywhere.spellings(canary.secret) | everywhere.spellings(pseudonym)
    found = {store for store, _ in everywhere.hits(stores, wanted)}
    assert found == {"postgres", "redis", "cloud_storage", "bigquery"}, "the test would prove nothing"
    others = everywhere.spellings(other.secret)
    theirs_before = Counter(everywhere.hits(stores, others))

    certificate = erased(canary, bigquery, late=True)

    counted_in()
    drained()
    assert everywhere.hits(stores, wanted, log_file) == []
    assert not any(one in json.dumps(certificate).encode() for one in wanted)
    assert ledger.open_accounts(ledger.close()) == []
    assert Counter(everywhere.hits(stores, others)).keys() == theirs_before.keys()


def test_a_mark_planted_in_any_store_is_found(stores: Stores, secret: Api, tmp_path: Path) -> None:
    """The search above finds what there is, in every spelling, or its nothing would mean nothing."""
    canary = Canary(secret)
    wanted = everywhere.spellings(canary.secret)
    assert everywhere.hits(stores, wanted) == []
    text = canary.mark
    for spelt in (text, text.upper(), canary.event_id(), base64.b64encode(f"- {text}".encode()).decode()):
        stores.redis.set("planted", spelt)
        assert everywhere.hits(stores, wanted) == [("redis", "planted")]
        stores.redis.delete("planted")
    stores.redis.hset("planted", text, "1")
    LearnedVersion.objects.create(**LEARNED, content=zlib.compress(f"x{text}".encode()))
    assert ("postgres", "what is learned") in everywhere.hits(stores, wanted)
    bucket = stores.storage.bucket(settings.CLOUD_STORAGE_BUCKET)
    bucket.blob("planted.gz").upload_from_string(gzip.compress(f"x{text}".encode()))
    plant_in_bigquery(stores, text)
    Group.objects.create(name=text)
    (tmp_path / "a.log").write_text(json.dumps({"path": text}))
    found = {store for store, _ in everywhere.hits(stores, wanted, tmp_path)}
    assert found == {"postgres", "redis", "cloud_storage", "bigquery", "files"}


def plant_in_bigquery(stores: Stores, text: str) -> None:
    table = f"{settings.BIGQUERY_PROJECT}.{settings.BIGQUERY_DATASET}.user_search_events"
    now = datetime.now(UTC).isoformat()
    row = {"event_id": "1", "event_type": "search", "timestamp": now, "occurred_at": now, "query": text}
    assert stores.bigquery.insert_rows_json(table, [row | {"schema_version": 1, "batch": "b"}]) == []


def test_an_old_generation_of_an_object_is_searched_too(stores: Stores, secret: Api) -> None:
    bucket: storage.Bucket = stores.storage.get_bucket(settings.CLOUD_STORAGE_BUCKET)
    bucket.versioning_enabled = True
    bucket.patch()
    canary = Canary(secret)
    bucket.blob("planted").upload_from_string(canary.mark)
    bucket.blob("planted").upload_from_string("nothing")
    assert everywhere.hits(stores, everywhere.spellings(canary.secret)) == [("cloud_storage", "planted")]
