"""A store that is switched off, or not configured any more, stays in every erasure when it was ever sent anything."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pytest_django import Settings

from capture.holders.bigquery import BigQueryHolder
from capture.holders.cloud_storage import CloudStorageHolder
from capture.holders.redis import RedisHolder
from capture.models import OutboxBatch, Sink
from leafloaf.storefront.training_export.holder import TrainingExportHolder
from privacy import holders
from privacy.holders import BaseHolder, NeedsAttention, NotNow, Plan, Presence, Scope, Task
from tests.conftest import memory_configuration

NOW = datetime.now(UTC)
BACKENDS = {
    "bigquery": ("capture.sinks.bigquery.BigQuerySink", {"project": "", "dataset": "analytics"}),
    "cloud_storage": ("capture.sinks.cloud_storage.CloudStorageSink", {"bucket": ""}),
}
HOLDERS = [BigQueryHolder(), CloudStorageHolder(), RedisHolder(), TrainingExportHolder()]

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__),
]


@pytest.fixture(autouse=True)
def switched_off(settings: Settings) -> None:
    """Every store is off, and its address is gone from the settings."""
    settings.SINKS = {
        name: memory_configuration(BACKEND=backend, OPTIONS=options, ENABLED=False)
        for name, (backend, options) in BACKENDS.items()
    }
    settings.REDIS_ENABLED, settings.REDIS_URL = False, ""


def sink_of(holder: BaseHolder, **values: object) -> Sink:
    return Sink.objects.update_or_create(name=holder.store, defaults=values)[0]


def test_what_was_never_sent_anything_is_left_out(holder: BaseHolder) -> None:
    assert not holder.is_on()
    sink_of(holder)
    assert not holder.is_on()


@pytest.mark.parametrize("remembered", [{"delivered": 1}, {"cursor_xid": 7}])
def test_what_was_sent_is_remembered_when_its_batches_are_pruned(
    holder: BaseHolder, remembered: dict[str, int]
) -> None:
    sink_of(holder, **remembered)
    assert holder.is_on()
    assert holder.store in {holders.get(name).store for name in holders.enabled()}


def test_an_attempt_that_nobody_answered_counts(holder: BaseHolder) -> None:
    place = {"first_xid": 1, "first_id": 1, "last_xid": 1, "last_id": 1}
    times = {"day": NOW.date(), "oldest_received_at": NOW, "sealed_at": NOW}
    batch = OutboxBatch.objects.create(sink=holder.store, sequence=1, count=1, **place, **times)
    assert not holder.is_on()
    batch.attempts = 1
    batch.save()
    assert holder.is_on()


def test_what_is_not_configured_any_more_is_not_taken_for_empty(
    holder: BaseHolder, settings: Settings
) -> None:
    sink_of(holder, delivered=1)
    scope = Scope(uuid4())
    task = Task(scope, Plan(0), NOW)
    for sinks in (settings.SINKS, {holder.store: memory_configuration()}, {}):
        settings.SINKS = sinks
        finding = holder.verify(task)
        assert (finding.presence, finding.said) == (Presence.UNREACHABLE, "it is not configured any more")
        for act in (
            lambda: holder.plan(scope),
            lambda: holder.erase([task]),
            lambda: list(holder.export(scope)),
        ):
            with pytest.raises(NotNow, match="is not configured any more"):
                act()


def test_somebody_decides_on_one_that_staff_switched_off_as_well(holder: BaseHolder) -> None:
    sink_of(holder, delivered=1, state=Sink.State.OFF)
    with pytest.raises(NeedsAttention, match=f"^{holder.store} is switched off and not configured any more"):
        holder.plan(Scope(uuid4()))
    assert holder.verify(Task(Scope(uuid4()), Plan(0), NOW)).presence == Presence.UNREACHABLE
