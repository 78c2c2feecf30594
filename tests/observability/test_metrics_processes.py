"""Several processes count together, on real servers: whoever is asked tells all of it, and a kill loses none of it."""

import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.stack import ports
from tests.calls import one_of_each
from tests.config import application
from tests.config.application import Web
from tests.observability.exposed import Exposed
from tests.stack.processes import wait_until

REQUESTS = 12
EVENTS = {"event_type": "cart", "outcome": "accepted"}


@pytest.fixture
def key(log: None) -> str:
    return keys.create("Prometheus and shop", ApiClient.Kind.SECRET)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "celery").mkdir()
    return tmp_path


def read(url: str, key: str = "") -> Exposed:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 (our own)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (likewise)
        return Exposed(answer.read().decode())


def scraped(web: Web) -> Exposed:
    return read(f"http://127.0.0.1:{web.port}/metrics", web.key)


@contextmanager
def worker(variables: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """As `make run` starts it, and the scheduler that wakes it."""
    options = "worker -P threads -c 4 --without-mingle --without-gossip"
    beat = celery(f"beat -s {folder / 'celery' / 'beat'}", variables, folder / "beat.log")
    process = celery(options, variables, log := folder / "worker.log")
    try:
        application.wait_for(lambda: "[queues]" in log.read_text(errors="replace"), "worker", log, process)
        yield process
    finally:
        application.killed(beat)
        application.killed(process)


def celery(options: str, variables: dict[str, str], log: Path) -> subprocess.Popen[str]:
    return application.begun(["-m", "celery", "-A", "leafloaf", *options.split()], variables, log)


def send(web: Web, requests: int = REQUESTS) -> None:
    for _ in range(requests):
        assert web.post("/api/v1/events", {"events": one_of_each()}).status == 202


def counting_processes(folder: Path) -> set[str]:
    return {file.stem.rpartition("_")[2] for file in (folder / "metrics").glob("counter_*.db")}


def test_processes_count_together_and_what_was_counted_survives_their_end(folder: Path, key: str) -> None:
    variables = application.environment(folder)
    with application.web(variables, folder, key, workers=2) as web:
        with worker(variables, folder) as at_work:
            send(web)
            wait_until(
                lambda: scraped(web).total("leafloaf_sink_events_total", sink="redis") == 5 * REQUESTS,
                "the worker's count is told by the web server",
            )
            told = [scraped(web) for _ in range(8)]  # by one process or the other
            assert {one.value("leafloaf_events_total", **EVENTS) for one in told} == {REQUESTS}
            wait_until(
                lambda: scraped(web).total("leafloaf_task_seconds_count", task="capture.tasks.drain") > 0,
                "a task has ended, and is told",
            )
            wait_until(
                lambda: len(counting_processes(folder)) == 4, "two of the web server, worker, scheduler count"
            )
            assert str(at_work.pid) in counting_processes(folder)
        after = scraped(web)  # of a worker that was killed with -9
        assert after.total("leafloaf_sink_events_total", sink="redis") == 5 * REQUESTS
        assert counting_processes(folder) >= {"ended"}
        assert str(at_work.pid) not in counting_processes(folder)
    with application.web(variables, folder, key, workers=2) as web:  # the one before was killed, too
        send(web, 1)
        again = scraped(web)
    assert again.value("leafloaf_events_total", **EVENTS) == REQUESTS + 1
    labels = {"route": "api/v1/events", "method": "POST", "status": "2xx"}
    assert again.value("leafloaf_http_request_seconds_count", **labels) == REQUESTS + 1
    assert again.value("leafloaf_http_request_seconds_bucket", le="+Inf", **labels) == REQUESTS + 1
    assert again.value("leafloaf_http_requests_in_progress") == 1  # the one that asks


def test_a_folder_that_cannot_be_used_stops_nobody(folder: Path, key: str) -> None:
    (folder / "metrics").write_text("a file where the folder should be")
    variables = application.environment(folder)
    with application.web(variables, folder, key) as web:
        send(web, 2)
        assert scraped(web).value("leafloaf_events_total", **EVENTS) == 2
    code, said = application.ended(application.manage(variables, "check"))
    assert code == 0
    assert "leafloaf.I002" in said
    assert "Each process counts for itself" in said


def test_a_worker_without_a_web_server_tells_by_itself(folder: Path, key: str) -> None:
    port = ports.any_free()
    variables = application.environment(folder, METRICS_PORT=str(port))
    with worker(variables, folder):
        address = f"http://127.0.0.1:{port}/metrics"
        wait_until(lambda: is_answering(address), "the worker answers")
        wait_until(lambda: read(address).total("leafloaf_task_seconds_count") > 0, "a task was measured")


def is_answering(address: str) -> bool:
    try:
        read(address)
    except OSError:
        return False
    return True


def test_a_command_leaves_nothing_behind(folder: Path, key: str) -> None:
    variables = application.environment(folder, PROMETHEUS_MULTIPROC_DIR=str(folder / "metrics"))
    code, said = application.ended(application.manage(variables, "drain"))
    assert code == 0, said
    assert counting_processes(folder) == set()
    assert os.environ.get("PROMETHEUS_MULTIPROC_DIR") is None
