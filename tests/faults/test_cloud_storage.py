"""Cloud Storage on bad days, through the whole pipeline."""

import copy
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as configured
from pytest_django import Settings

from capture import control, seal
from capture.models import OutboxBatch
from leafloaf.stack import ports
from tests.config.relay import Relay
from tests.faults import pipeline
from tests.faults.shop import Shop, wait_until
from tests.flows.stores import Stores
from tests.standins import Standin

UPLOAD = {"method": "POST", "path": "/upload/"}


@pytest.fixture
def standin(stores: Stores) -> Iterator[Standin]:
    opened = Standin(configured.CLOUD_STORAGE_ENDPOINT)
    yield opened
    opened.mend()


def test_applied_and_then_503_is_met_again_as_412_and_is_success(stores: Stores, standin: Standin) -> None:
    pipeline.capture("applied")
    standin.fail(match=UPLOAD, apply_then={"status": 503})
    assert pipeline.cycle()["cloud_storage"] == 0
    assert pipeline.next_cycle()["cloud_storage"] == 25
    pipeline.assert_all_hold_the_log_once(stores)
    assert len(stores.objects()) == 1


def test_another_object_under_the_name_is_kept_and_the_batch_waits_for_a_person(stores: Stores) -> None:
    pipeline.capture("taken")
    seal.due("cloud_storage", is_final=True)
    name = OutboxBatch.objects.get(sink="cloud_storage").object_name
    taken = stores.storage.bucket(configured.CLOUD_STORAGE_BUCKET).blob(name)
    taken.upload_from_string(b'{"event_id": "somebody else\'s"}\n')
    pipeline.capture("next")
    assert pipeline.cycle()["cloud_storage"] == 25, "the batch after it goes on"
    assert OutboxBatch.objects.get(state="blocked").object_name == name
    assert b"somebody else's" in taken.download_as_bytes()
    taken.delete()
    control.back_fill("cloud_storage", by="test", because="the other object was moved away")
    assert pipeline.next_cycle()["cloud_storage"] == 50
    pipeline.assert_all_hold_the_log_once(stores)


def test_a_batch_of_the_largest_events_arrives_everywhere(stores: Stores) -> None:
    """Too large for one request to either of Google's stores: a resumable upload here, halves there."""
    pipeline.capture_large("large")
    assert pipeline.cycle() == {"redis": 40, "cloud_storage": 40, "bigquery": 40}
    assert sum(len(found.download_as_bytes()) for found in stores.objects()) > 10 * 1024 * 1024
    pipeline.assert_all_hold_the_log_once(stores)


class Damaging(Relay):
    """Changes one byte of what passes towards the server, once, where these words stand."""

    def __init__(self, port: int, target: int, words: bytes) -> None:
        super().__init__(port, target)
        self.words, self.times = words, 0

    def passing(self, data: bytes) -> bytes:
        if self.times or self.words not in data:
            return data
        self.times += 1
        return data.replace(self.words, self.words[:-1] + b"!", 1)


@pytest.mark.parametrize(
    ("capture", "words"),
    [
        (pipeline.capture, b"organic milk"),
        pytest.param(pipeline.capture_large, "éé".encode(), marks=pytest.mark.slow),
    ],
)
def test_an_upload_damaged_on_the_way_is_not_kept_and_is_sent_again(
    stores: Stores, settings: Settings, capture: Callable[[str], Any], words: bytes
) -> None:
    """The checksum goes along with the lines, so that the store itself refuses what has changed since."""
    capture("damaged")
    port, target = ports.any_free(), urlsplit(settings.CLOUD_STORAGE_ENDPOINT).port
    assert target is not None
    with Damaging(port, target, words) as way:
        settings.SINKS = through(port, settings.SINKS)
        assert pipeline.cycle()["cloud_storage"] == 0
        assert way.times == 1
        assert stores.objects() == []
        assert OutboxBatch.objects.get(sink="cloud_storage").state == "sealed", "nobody has to look at it"
        assert pipeline.next_cycle()["cloud_storage"] in {25, 40}
    pipeline.assert_all_hold_the_log_once(stores)


def through(port: int, configured: dict[str, Any]) -> dict[str, Any]:
    """SINKS with Cloud Storage behind another port."""
    changed = copy.deepcopy(configured)
    changed["cloud_storage"]["OPTIONS"]["endpoint"] = f"http://127.0.0.1:{port}"
    return changed


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_names_stay_unique_at_far_more_than_a_hundred_events_a_second(shop: Shop, seconds: int) -> None:
    """Several batches are sealed in one second, and the time in the name has only seconds."""
    writers = [shop.writer(f"fast-{number}", size=100, pause=0.1) for number in range(2)]
    drainer = shop.drainer("cloud_storage")
    time.sleep(seconds)
    wait_until(lambda: len(shop.logged()) > 100 * seconds, "there is enough")
    for writer in writers:
        writer.kill()
    wait_until(lambda: not shop.owed("cloud_storage"), "all is delivered", seconds=240 + seconds)
    drainer.kill()
    names = [name for (name,) in shop.ask("SELECT object_name FROM capture_outboxbatch")]
    seconds_used = Counter(name[: len("events/YYYYMMDD_HHMMSS")] for name in names)
    assert max(seconds_used.values()) > 1, "no two batches fell into one second: the test proves nothing"
    assert len(set(names)) == len(names) == len(shop.stores.objects())
    assert shop.stores.in_cloud_storage() == shop.logged()
