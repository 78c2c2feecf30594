"""Each service account may do what the code asks of it, and no more.

The permissions are those of docs/deployment/terraform/accounts.tf; the stores refuse everything else. What is done here
is all that the code does with them, so that a permission nobody used is one too many.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from google.pubsub_v1 import types
from pytest_django import Settings

from capture import deliver, ingest, reconcile, sinks
from capture.holders.bigquery import BigQueryHolder
from capture.holders.cloud_storage import CloudStorageHolder
from capture.holders.log import EventLogHolder
from capture.holders.pubsub import PubSubHolder
from capture.models import OutboxBatch
from capture.records import Record
from capture.sinks import (
    bigquery_setup,
    cloud_storage_objects,
    cloud_storage_setup,
    pubsub_retention,
    pubsub_setup,
)
from capture.sinks.base import Batch, Misconfigured
from capture.sinks.bigquery import BigQuerySink
from capture.sinks.cloud_storage import CloudStorageSink
from capture.sinks.pubsub import PubSubSink
from leafloaf.stack import http
from leafloaf.stack.bigquery import api as bigquery_api
from leafloaf.stack.cloud_storage import api as storage_api
from privacy.holders import BaseHolder, Presence, Task
from tests.calls import search
from tests.capture.test_sink_contract import batch, records
from tests.capture.warehouse import a_day_of, scope_of
from tests.conftest import memory_configuration
from tests.deployment import terraform
from tests.deployment.guard import Guard
from tests.pubsub import server as pubsub_server
from tests.pubsub.server import PubSub
from tests.standins import Standin

PROJECT, BUCKET, DATASET = "shop-1", "shop-1-events", "analytics"
PARTS = ("reader", "eraser", "verifier")
SEPARATE = tuple((part, part) for part in PARTS)
ON_STORAGE, ON_BIGQUERY, ON_PUBSUB = "storage.", "bigquery.", "pubsub."


@dataclass
class Guarded:
    """Both stores, set up by who owns the project, and the sinks as the worker has them."""

    storage: Guard
    bigquery: Guard
    storage_url: str
    bigquery_url: str

    def cloud_storage_sink(self, account: str = "") -> CloudStorageSink:
        return CloudStorageSink(BUCKET, self.storage_url, PROJECT, account=account)

    def bigquery_sink(self, account: str = "") -> BigQuerySink:
        return BigQuerySink(PROJECT, DATASET, endpoint=self.bigquery_url, account=account)

    def used(self, account: str, service: str) -> set[str]:
        return (self.storage if service == ON_STORAGE else self.bigquery).used[account]


def allowed(account: str, service: str) -> set[str]:
    return {one for one in terraform.permissions()[account] if one.startswith(service)}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    with ExitStack() as open_until_the_end:
        storage, store = storage_api.build(tmp_path / "storage")
        bigquery, file = bigquery_api.build(tmp_path / "bigquery")
        open_until_the_end.callback(store.close)
        open_until_the_end.callback(file.close)
        servers = [open_until_the_end.enter_context(http.Server(app)) for app in (storage, bigquery)]
        guards = [Guard(app, terraform.permissions()) for app in (storage, bigquery)]
        found = Guarded(guards[0], guards[1], servers[0].url, servers[1].url)
        cloud_storage_setup.set_up(found.cloud_storage_sink(), 90)
        bigquery_setup.set_up(found.bigquery_sink(), 90)
        yield found


def configure(settings: Settings, guarded: Guarded, accounts: tuple[tuple[str, str], ...]) -> None:
    """The worker's sinks, whose own account is the writer."""
    as_whom = {"accounts": accounts, "account": "writer"}
    storage = {"bucket": BUCKET, "endpoint": guarded.storage_url, "project": PROJECT}
    bigquery = {"project": PROJECT, "dataset": DATASET, "endpoint": guarded.bigquery_url}
    settings.SINKS = {
        "cloud_storage": memory_configuration(
            BACKEND="capture.sinks.cloud_storage.CloudStorageSink", OPTIONS=storage | as_whom
        ),
        "bigquery": memory_configuration(
            BACKEND="capture.sinks.bigquery.BigQuerySink", OPTIONS=bigquery | as_whom
        ),
    }


@pytest.fixture
def separate(log: None, settings: Settings, guarded: Guarded) -> Guarded:
    configure(settings, guarded, SEPARATE)
    return guarded


def captured() -> None:
    bodies = [*a_day_of("ann"), *a_day_of("ben"), search(user_id="ben")]
    assert ingest.accept([json.dumps(body).encode() for body in bodies]).accepted == len(bodies)


def delivered(name: str) -> None:
    deliver.drain(name, is_final=True)
    assert not OutboxBatch.objects.filter(sink=name).exclude(state=OutboxBatch.State.DELIVERED).exists()


def erased(holder: BaseHolder) -> None:
    """Planned, taken out, read again and given away."""
    scope = scope_of("ann")
    task = Task(scope, holder.plan(scope), datetime.now(UTC))
    in_log = EventLogHolder()
    in_log.erase([Task(scope, in_log.plan(scope), datetime.now(UTC))])
    assert all(purged.again_at is None for purged in holder.erase([task]))
    assert holder.verify(task).presence == Presence.ABSENT
    assert list(holder.export(scope_of("ben")))


def test_cloud_storage_is_served_by_four_accounts_with_nothing_to_spare(
    separate: Guarded, tmp_path: Path
) -> None:
    sink = sinks.get("cloud_storage")
    assert isinstance(sink, CloudStorageSink)
    captured()
    delivered("cloud_storage")
    sink.probe()
    assert reconcile.everything("cloud_storage").lost == {}
    repeated(sink)
    training_data(sink, tmp_path)
    erased(CloudStorageHolder())
    # The one refusal is that of the batch that was there: the writer cannot see it, and the reader looked.
    assert [said for said in separate.storage.refused if "storage.objects.delete" not in said] == []
    assert all(said.startswith("writer") for said in separate.storage.refused)
    for account in ("writer", *PARTS):
        assert separate.used(account, ON_STORAGE) == allowed(account, ON_STORAGE), account


def repeated(sink: CloudStorageSink) -> None:
    """The same batch again, one that has lost an event since, and one that has lost all."""
    rows: list[Record] = records(3)
    sent = batch(rows)
    sink.deliver(sent)
    sink.deliver(replace(sent, is_repeated=True))
    sink.deliver(replace(sent, records=rows[:2], is_repeated=True, is_remade=True))
    sink.deliver(replace(sent, records=[], is_repeated=True, is_remade=True))


def training_data(sink: CloudStorageSink, folder: Path) -> None:
    """A file of a day, exported twice, and taken away."""
    (file := folder / "rows.jsonl").write_text("{}\n")
    name = "training/v1/2026-01-01/search.searches.jsonl"
    assert cloud_storage_objects.put(sink, name, file, None)
    file.write_text('{"more": 1}\n')
    found = cloud_storage_objects.held(sink, "training/")[name]
    assert cloud_storage_objects.put(sink, name, file, found)
    cloud_storage_objects.remove(sink, cloud_storage_objects.held(sink, "training/")[name])


def test_bigquery_is_served_by_four_accounts_with_nothing_to_spare(separate: Guarded) -> None:
    sink = sinks.get("bigquery")
    assert isinstance(sink, BigQuerySink)
    captured()
    delivered("bigquery")
    sink.probe()
    assert reconcile.everything("bigquery").lost == {}
    assert sink.differences(90) == []
    rows: list[Record] = records(3)
    sent = batch(rows)
    sink.deliver(sent)
    sink.deliver(replace(sent, is_repeated=True))
    OutboxBatch.objects.update(delivered_at=datetime(2026, 1, 1, tzinfo=UTC))
    refused_while_streaming()
    Standin(separate.bigquery_url).hold_rows(0)
    erased(BigQueryHolder())
    assert separate.bigquery.refused == []
    for account in ("writer", *PARTS):
        assert separate.used(account, ON_BIGQUERY) == allowed(account, ON_BIGQUERY), account


def refused_while_streaming() -> None:
    """BigQuery says only that it will not: whether rows are still in the buffer is asked of the table."""
    holder, scope = BigQueryHolder(), scope_of("ann")
    [purged] = holder.erase([Task(scope, holder.plan(scope), datetime.now(UTC))])
    assert purged.again_at is not None


def test_the_release_brings_both_up_to_date(guarded: Guarded) -> None:
    cloud_storage_setup.set_up(guarded.cloud_storage_sink("release"), 30)
    bigquery_setup.set_up(guarded.bigquery_sink("release"), 30)
    guarded.bigquery_sink().client.delete_table(guarded.bigquery_sink().table("search"))
    bigquery_setup.set_up(guarded.bigquery_sink("release"), 30)
    assert guarded.storage.refused + guarded.bigquery.refused == []
    for service in (ON_STORAGE, ON_BIGQUERY):
        assert guarded.used("release", service) == allowed("release", service)


@pytest.mark.parametrize("name", ["cloud_storage", "bigquery"])
def test_without_the_others_the_writer_is_refused_and_says_which_permission(
    log: None, settings: Settings, guarded: Guarded, name: str
) -> None:
    configure(settings, guarded, tuple((part, "writer") for part in PARTS))
    sink = sinks.get(name)
    sent: Batch = batch(records(3))
    sink.deliver(sent)
    with pytest.raises(Misconfigured, match="writer may not"):
        sink.deliver(replace(sent, is_repeated=True))


@pytest.fixture
def stream(log: None, settings: Settings) -> Iterator[PubSub]:
    """Pub/Sub, set up by who owns the project, and the sink as the worker has it."""
    with pubsub_server.running() as (pubsub, endpoint), ExitStack() as open_until_the_end:
        owner = PubSubSink(PROJECT, "events", endpoint)
        pubsub_setup.set_up(owner, timedelta(hours=1), "reader")
        snapshot = types.Snapshot.pb()(
            name=f"projects/{PROJECT}/snapshots/one", topic=f"projects/{PROJECT}/topics/events"
        )
        snapshot.expire_time.FromDatetime(datetime.now(UTC))
        pubsub.snapshots[snapshot.name] = snapshot
        pubsub.allowed = terraform.permissions()
        options = {"project": PROJECT, "topic": "events", "endpoint": endpoint}
        as_whom = {"accounts": SEPARATE, "account": "writer"}
        settings.PUBSUB_OPTIONS = options | as_whom
        settings.SINKS = {
            "pubsub": memory_configuration(
                BACKEND="capture.sinks.pubsub.PubSubSink", OPTIONS=options | as_whom
            )
        }
        sink = sinks.get("pubsub")
        assert isinstance(sink, PubSubSink)
        for used in (owner, sink, *(sink.acting(part) for part in PARTS)):
            open_until_the_end.callback(used.channel.close)
        yield pubsub


def test_pubsub_is_served_by_four_accounts_with_nothing_to_spare(stream: PubSub) -> None:
    captured()
    delivered("pubsub")
    sink = sinks.get("pubsub")
    sink.probe()
    assert sink.differences(90) == []
    holder, scope = PubSubHolder(), scope_of("ann")
    assert list(holder.export(scope))
    [purged] = holder.erase([Task(scope, holder.plan(scope), datetime.now(UTC))])
    assert purged.again_at
    assert holder.verify(Task(scope, holder.plan(scope), datetime.now(UTC))).presence == Presence.PRESENT
    for account in ("writer", *PARTS):
        assert stream.used[account] == allowed(account, ON_PUBSUB), account


def test_the_release_brings_the_topic_up_to_date(stream: PubSub) -> None:
    options = sinks.get("pubsub").endpoint  # type: ignore[attr-defined]
    for topic in ("more-events", "events"):
        release = PubSubSink(PROJECT, topic, options, account="release")
        pubsub_setup.set_up(release, timedelta(hours=2))
        assert pubsub_retention.differences(release) == []
        release.channel.close()
    assert stream.used["release"] == allowed("release", ON_PUBSUB)


def test_who_may_not_publish_is_told_which_permission_it_takes(stream: PubSub) -> None:
    sink = sinks.get("pubsub")
    assert isinstance(sink, PubSubSink)
    with pytest.raises(Misconfigured, match=r"reader may not Publish: pubsub\.topics\.publish"):
        sink.acting("reader").deliver(batch(records(3)))


def test_a_worker_without_accounts_does_it_all_as_itself(guarded: Guarded) -> None:
    sink = guarded.cloud_storage_sink()
    assert all(sink.acting(part) is sink for part in PARTS)
    other = CloudStorageSink(f"b-{uuid4()}", guarded.storage_url, PROJECT, accounts=SEPARATE)
    assert other.acting("eraser").acting("reader").account == "reader"
    assert other.acting("eraser").another().account == "eraser"
