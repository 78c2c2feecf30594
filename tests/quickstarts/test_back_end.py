"""The ten lines of docs/back-end.md, exactly as they are, against a real server."""

import json
import subprocess
import sys
from typing import Any

import pytest

from capture.models import Event
from tests.access.signing import USER
from tests.docs import pages

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("log")]
ADDRESS = "http://127.0.0.1:8000"


def run(address: str) -> list[Any]:
    [code] = pages.run_by(__file__, "docs/back-end.md")
    assert ADDRESS in code
    assert len([line for line in code.splitlines() if line and not line.startswith(("import", "from"))]) <= 14
    done = subprocess.run(
        [sys.executable, "-c", code.replace(ADDRESS, address)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_quick_start_does_what_it_says(demo: str) -> None:
    *receipts, recommended, reorder, searched = run(demo)
    assert [receipt["accepted"] for receipt in receipts] == [1, 1, 1]
    assert recommended["status"] == "ok"
    assert "reorder" in {item["source"] for item in recommended["items"]}
    assert reorder["items"][0]["sku"] == "OATLY-BARISTA-1L"
    first = searched["results"][0]
    assert first["sku"] == "OATLY-BARISTA-1L", searched
    assert "You bought this 3 times" in first["reasons"][0]
    assert Event.objects.filter(event_type="order").values("subject_id").distinct().count() == 1
    again = run(demo)[:3]
    assert [(receipt["accepted"], receipt["duplicates"]) for receipt in again] == [(0, 1)] * 3
    assert Event.objects.filter(event_type="order").count() == 3
    assert USER not in str(list(Event.objects.values_list("payload", flat=True)))
