"""Redis, Cloud Storage and BigQuery are switched on and off one by one, and everything else works in each case."""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from pytest_django import Settings

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from tests.calls import one_of_each
from tests.config import application
from tests.config.application import Web, ended, environment, manage, switched, wait_for
from tests.flows.stores import Stores, in_log, opened

NAMES = ("redis", "cloud_storage", "bigquery")
EIGHT = list(itertools.product([True, False], repeat=3))


def title(on: tuple[bool, bool, bool]) -> str:
    return "+".join(name for name, is_on in zip(NAMES, on, strict=True) if is_on) or "none"


@pytest.fixture
def stores(log: None) -> Iterator[Stores]:
    """The three stores, empty, and a log whose readers are other processes."""
    if not configured.REDIS_ENABLED:
        pytest.skip("there is no Redis server for this machine")
    found = opened()
    found.empty()
    yield found
    found.redis.close()
    found.storage.close()
    found.bigquery.close()


@pytest.fixture
def key(log: None) -> str:
    return keys.create("Back end", ApiClient.Kind.SECRET)


def serves(server: Web, on: tuple[bool, bool, bool]) -> int:
    """Health, search and events of a running server; returns how many events it took."""
    health = server.get("/health")
    assert health.status == 200
    states = health.body["data_capture"]
    assert {name: state != "disabled" for name, state in states.items()} == dict(zip(NAMES, on, strict=True))
    found = server.post("/api/v1/search", {"query": "milk", "user_id": "user_1"})
    assert (found.status, found.body["total"]) == (200, 0)
    taken = server.post("/api/v1/events", {"events": one_of_each(user_id="user_1")})
    assert (taken.status, taken.body["accepted"]) == (202, 5)
    return 6


def delivers(stores: Stores, on: tuple[bool, bool, bool], output: str) -> None:
    """What is on holds the whole log, once; what is off holds nothing."""
    logged = in_log()
    assert set(logged.values()) == {1}
    redis, cloud_storage, bigquery = on
    assert stores.redis_total("user:*:profile", "events") == (len(logged) if redis else 0), output
    assert stores.in_cloud_storage() == (logged if cloud_storage else Counter()), output
    assert stores.in_bigquery() == (logged if bigquery else Counter()), output


def runs(on: tuple[bool, bool, bool], stores: Stores, key: str, folder: Path) -> None:
    variables = environment(folder, **switched(*on))
    with application.web(variables, folder, key) as server:
        taken = serves(server, on)
    assert sum(in_log().values()) == taken
    code, output = ended(manage(variables, "drain", "--all"))
    assert code == 0, output
    delivers(stores, on, output)


@pytest.mark.parametrize("on", [(True, True, True), (False, False, False)], ids=title)
def test_with_everything_and_with_nothing(
    on: tuple[bool, bool, bool], stores: Stores, key: str, tmp_path: Path
) -> None:
    runs(on, stores, key, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("on", EIGHT[1:-1], ids=title)
def test_with_some(on: tuple[bool, bool, bool], stores: Stores, key: str, tmp_path: Path) -> None:
    runs(on, stores, key, tmp_path)


def test_no_combination_is_wrong(log: None, tmp_path: Path) -> None:
    """The settings as eight processes read them: nothing to complain of, and what is on is drained on schedule."""
    read = "from leafloaf import settings as s; print(s.SETTINGS_PROBLEMS, *sorted(s.CELERY_BEAT_SCHEDULE))"
    reading = {on: application.begun(["-c", read], environment(tmp_path, **switched(*on))) for on in EIGHT}
    for on, process in reading.items():
        code, output = ended(process)
        assert (code, output.split()[0]) == (0, "[]"), output
        assert [f"drain-{name}" in output for name in NAMES] == list(on)


@pytest.mark.parametrize("has_redis", [True, False], ids=["redis_broker", "folder_broker"])
def test_worker_and_beat_deliver(has_redis: bool, stores: Stores, key: str, tmp_path: Path) -> None:
    """Real processes on a real broker: what the web server took arrives without anybody's help."""
    on = (has_redis, True, True)
    broker = configured.REDIS_URL if has_redis else "filesystem://"
    variables = environment(tmp_path, **switched(*on), CELERY_BROKER_URL=broker)
    celery = ["-m", "celery", "-A", "leafloaf"]
    commands = {
        "worker": [*celery, "worker", "-P", "threads", "-c", "4", "--without-mingle", "--without-gossip"],
        "beat": [*celery, "beat", "-s", str(tmp_path / "schedule")],
    }
    with ExitStack() as started:
        processes = {}
        for name, arguments in commands.items():
            processes[name] = application.begun(arguments, variables, tmp_path / f"{name}.log")
            started.callback(application.stopped, processes[name])
        server = started.enter_context(application.web(variables, tmp_path, key))
        sent = [one_of_each(user_id="user_1") for _ in range(20)]  # a full object of Cloud Storage
        for events in sent:
            assert server.post("/api/v1/events", {"events": events}).status == 202
        ids = Counter(event["event_id"] for events in sent for event in events)
        log, process = tmp_path / "worker.log", processes["worker"]
        wait_for(lambda: stores.in_bigquery() == ids, "BigQuery", log, process)
        wait_for(lambda: stores.in_cloud_storage() == ids, "Cloud Storage", log, process)
        if has_redis:
            wait_for(lambda: stores.redis_total("user:*:profile", "events") == 100, "Redis", log, process)
        assert [running.poll() for running in processes.values()] == [None, None]
    assert in_log() == ids


@pytest.mark.parametrize(
    ("command", "switch"),
    [
        ("setup_cloud_storage", "CLOUD_STORAGE_ENABLED"),
        ("setup_bigquery", "ENABLE_BIGQUERY"),
        ("setup_spanner", "ENABLE_SPANNER"),
        ("setup_pubsub", "ENABLE_PUBSUB"),
    ],
)
def test_the_command_of_what_is_off_says_how_to_switch_it_on(
    settings: Settings, command: str, switch: str
) -> None:
    setattr(settings, switch, False)
    with pytest.raises(CommandError, match=f"{switch}=true"):
        call_command(command)
