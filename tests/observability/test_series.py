"""Nobody can make up series, and no process writes beyond the room that it has."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import get_resolver
from prometheus_client import Counter, Histogram
from prometheus_client.mmap_dict import mmap_key

from leafloaf.lib import metering
from leafloaf.observability import folder, reference, request_times
from leafloaf.observability.request_times import METHODS, MOST_SERIES, OTHER_METHOD, Series
from tests.access.matrix import routes

CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
STATES = ("success", "failure", "retry", "revoked", "ignored", "unknown")
OTHERS = 64
"""Generously: values of labels that are not known beforehand, such as codes of faults."""
SIZES = {"counter": Counter, "histogram": Histogram}


@pytest.fixture
def asked(db: None, series: Series) -> set[request_times.Labels]:
    return series._used


def entries(metric: Any, labels: tuple[str, ...]) -> int:
    """Bytes of the file that one set of labels takes."""
    found: list[tuple[str, tuple[str, ...]]]
    found = [(metric._name, ())] if isinstance(metric, Counter) else [(f"{metric._name}_sum", ())]
    if isinstance(metric, Histogram):
        bounds = [*metric._kwargs.get("buckets", metering.SECONDS), float("inf")]
        found += [(f"{metric._name}_bucket", ("le", str(bound))) for bound in bounds]
    total = 0
    for name, more in found:
        names, values = [*metric._labelnames, *more[:1]], [*labels, *more[1:]]
        key = mmap_key(metric._name, name, names, values, metric._documentation)
        total += 4 + len(key) + 8 + 16
    return total


def sets(metric: Any, longest_route: str) -> tuple[int, tuple[str, ...]]:
    """How many sets of labels a metric can have in one process, and the longest of them."""
    if metric._name == "leafloaf_http_request_seconds":
        others = (len(METHODS) + 1) * len(CLASSES)
        return MOST_SERIES + others, (longest_route, "DELETE", "4xx")
    if metric._name == "leafloaf_task_seconds":
        tasks = [name for name in current_app.tasks if not name.startswith("celery.")]
        return len(tasks) * len(STATES), (max(tasks, key=len), "failure")
    longest = tuple("x" * 32 for _ in metric._labelnames)
    return max(OTHERS, len(metric._metrics)) if longest else 1, longest


def instruments() -> list[Any]:
    reference.everything()
    return sorted(set(metering.registry._collector_to_names), key=lambda one: one._name)


@pytest.mark.parametrize("kind", SIZES)
def test_a_process_has_room_for_all_that_it_can_count(kind: str) -> None:
    current_app.loader.import_default_modules()
    longest = max(routes.walked(get_resolver().url_patterns), key=len)
    needed = 0
    for metric in instruments():
        if isinstance(metric, SIZES[kind]):
            number, labels = sets(metric, longest)
            needed += number * entries(metric, labels)
    assert 0.3 < needed / folder.ROOM[kind] < 0.95


def test_all_that_somebody_without_a_key_can_ask_for_has_a_series_of_its_own() -> None:
    """And leaves as many for those who are let in."""
    factory, found = RequestFactory(), set()
    for route in routes.walked(get_resolver().url_patterns):
        for method in (*METHODS, "HEAD", "BREW"):
            for status in (403, 405, 503) if route.startswith("admin/") else (200, 302, 400, 405, 503):
                request = factory.generic(method, "/")
                request.resolver_match = match(route)
                found.add(request_times.labels_of(request, HttpResponse(status=status)))
    assert len(found) < MOST_SERIES
    assert {route for route, *_ in found if route.startswith("admin")} == {"admin"}


def match(route: str) -> Any:
    """The match of a route, without an address that leads to it."""
    from django.urls import ResolverMatch

    for pattern, callback in callbacks(get_resolver().url_patterns):
        if pattern == route:
            return ResolverMatch(callback, (), {}, route=route)
    raise LookupError(route)


def callbacks(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern, route in zip(
        patterns, [list(routes.walked([one], prefix)) for one in patterns], strict=True
    ):
        if hasattr(pattern, "url_patterns"):
            yield from zip(
                route, [one for _, one in callbacks(pattern.url_patterns)], strict=True
            )  # in the same order
        else:
            yield route[0], pattern.callback


def test_the_admin_has_one_route_for_who_was_not_let_in(asked: set[request_times.Labels]) -> None:
    for address in (
        "/admin/",
        "/admin/capture/outboxbatch/",
        "/admin/capture/outboxbatch/add/",
        "/admin/no/such/",
    ):
        for method in ("GET", "POST", "BREW"):
            Client().generic(method, address)
    assert {route for route, *_ in asked} == {"admin"}


def test_a_method_that_a_view_does_not_take_is_another(asked: set[request_times.Labels]) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "BREW"):
        Client().generic(method, "/api/v1/suggest")
        Client().generic(method, "/nothing/here")
    assert {method for route, method, _ in asked if route == "api/v1/suggest"} == {"GET", OTHER_METHOD}
    assert {route for route, *_ in asked} == {"api/v1/suggest", "none"}


def test_beyond_the_most_there_is_one_route_for_all() -> None:
    series = Series(2)
    assert series.admit(("a", "GET", "2xx")) == ("a", "GET", "2xx")
    assert series.admit(("b", "GET", "2xx")) == ("b", "GET", "2xx")
    assert series.admit(("c", "GET", "2xx")) == ("other", "GET", "2xx")
    assert series.admit(("a", "GET", "2xx")) == ("a", "GET", "2xx")


COUNTING = """
import sys
from pathlib import Path
from leafloaf.observability import folder
assert folder.use(Path(sys.argv[1]))
from prometheus_client import CollectorRegistry, Counter
counter = Counter("leafloaf_x", "x", ["i"], registry=CollectorRegistry())
for number in range(50):
    counter.labels(str(number)).inc()
"""


def counted(path: Path) -> float:
    from prometheus_client.multiprocess import MultiProcessCollector

    merged = MultiProcessCollector.merge(folder.files(path))
    return sum(float(sample.value) for metric in merged for sample in metric.samples)


def count(path: Path) -> None:
    subprocess.run([sys.executable, "-c", COUNTING, str(path)], check=True, cwd=settings.BASE_DIR)


def test_on_a_full_disk_what_ended_stays_as_it_was_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count(tmp_path)
    count(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.glob("[ch]*.db")}

    def full(file: Path, size: int) -> None:
        file.write_bytes(b"some of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, folder.locked(tmp_path):
        patched.setattr(folder, "_make_room", full)
        folder.fold(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.glob("[ch]*.db")} == before
    assert not list(tmp_path.glob("*.unfinished"))
    assert counted(tmp_path) == 100
    with folder.locked(tmp_path):
        folder.fold(tmp_path)
    assert {file.name for file in tmp_path.glob("*.db")} == {"counter_ended.db", "histogram_ended.db"}
    assert counted(tmp_path) == 100


def test_a_process_with_the_id_of_another_has_all_its_room(tmp_path: Path) -> None:
    count(tmp_path)
    (file,) = tmp_path.glob("counter_*.db")
    mine = file.rename(tmp_path / f"counter_{os.getpid()}.db")
    folder._make_own(tmp_path, "counter")
    assert mine.read_bytes() == bytes(folder.ROOM["counter"])
    with folder.locked(tmp_path):
        folder.fold(tmp_path)
    assert counted(tmp_path) == 50


def test_a_process_that_a_server_starts_has_the_folder_that_the_server_was_told(tmp_path: Path) -> None:
    """Which reads the settings, and so takes the variable away, before it starts one."""
    code = (
        "from django.conf import settings; print(settings.METRICS_FOLDER); import os, subprocess, sys;"
        "assert 'PROMETHEUS_MULTIPROC_DIR' not in os.environ;"
        "sys.argv[1:] and subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    )
    variables = os.environ | {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "leafloaf.settings",
    }
    said = subprocess.run(
        [sys.executable, "-u", "-c", code, code],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
        cwd=settings.BASE_DIR,
    )
    assert said.stdout.split() == [str(tmp_path)] * 2
