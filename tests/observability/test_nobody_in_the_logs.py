"""Everything there is is asked with a mark in every place, rightly and wrongly, and no log has it in any spelling.

Real processes, at LOG_LEVEL=DEBUG. A route that is added is asked too: they are taken from the URL configuration.
"""

import base64
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings

from capture.models import Sink
from leafloaf.access import keys
from privacy.models import Subject
from tests.access.matrix import world
from tests.access.matrix.credentials import Speaks
from tests.calls import Api, cart
from tests.config import application
from tests.config.application import begun, ended, killed, wait_for
from tests.flows import everywhere
from tests.flows.canary import Canary, shop
from tests.flows.stores import Stores
from tests.observability.marked import Marked, bearer, spelt
from tests.standins import Standin

SEND_ALL = """
import django; django.setup()
from django.conf import settings
from leafloaf.celery import app
for entry in settings.CELERY_BEAT_SCHEDULE.values():
    app.send_task(entry["task"], args=entry["args"])
"""
BREAK = """
    CREATE OR REPLACE FUNCTION refuse_marked() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'refused: %%, {mark}', NEW; END $$;
    CREATE TRIGGER refuse_marked BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_marked()
"""
MEND = "DROP TRIGGER IF EXISTS refuse_marked ON {table}"


@pytest.fixture
def marked_world(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> tuple[world.World, Canary]:
    """The world of the access matrix, committed, whose owner is a mark."""
    canary = Canary(Api("", Client()))
    monkeypatch.setattr(world, "OWNER", canary.user_id)
    monkeypatch.setitem(world.USERS, Speaks.OWNER, canary.user_id)
    with override_settings(**world.SETTINGS):
        built = world.build()
    Sink.objects.filter(name="redis").update(next_sequence=2)  # the world has made one batch by itself
    keys.forget()
    shop()
    return built, canary


@contextmanager
def broken(table: str, mark: str) -> Iterator[None]:
    """Each new row is refused by an error that quotes it."""
    with connection.cursor() as cursor:
        cursor.execute(BREAK.format(table=table, mark=mark), [])
        try:
            yield
        finally:
            cursor.execute(MEND.format(table=table))


class Processes:
    """A web server, a worker, and commands; `folder` has the log of each."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.variables = application.environment(
            folder,
            LOG_LEVEL="DEBUG",
            LOG_FORMAT="JSON",
            STAFF_TWO_FACTOR="true",
            THROTTLE_FAILURES="off",
            CELERY_BROKER_URL=settings.REDIS_URL,
            PYTHONUNBUFFERED="1",
        )
        options = ["-P", "threads", "-c", "2", "--without-mingle", "--without-gossip"]
        celery = ["-m", "celery", "-A", "leafloaf", "worker", *options]
        self.worker = begun(celery, self.variables, self.log("worker"))
        stack.callback(killed, self.worker)
        self.web = stack.enter_context(application.web(self.variables, folder))

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def manage(self, *arguments: str) -> int:
        """Its standard error is its log; what it prints is for who typed it."""
        with self.log(arguments[0]).open("ab") as log:
            return subprocess.run(
                [sys.executable, "manage.py", *arguments],
                env=self.variables,
                stdout=subprocess.DEVNULL,
                stderr=log,
                check=False,
                timeout=120,
            ).returncode

    def send_all_tasks(self) -> None:
        code, output = ended(
            begun(["-c", SEND_ALL], self.variables | {"DJANGO_SETTINGS_MODULE": "leafloaf.settings"})
        )
        assert code == 0, output

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Every line of a process; those that are no JSON must be of Celery's banner."""
        said = self.log(name).read_text().splitlines()
        others = [line for line in said if line.strip() and not line.startswith("{")]
        assert name == "worker" or others == [], others
        return [json.loads(line) for line in said if line.startswith("{")]

    def tasks_done(self) -> set[str]:
        return set(re.findall(r'"leafloaf.tasks".*"task": "([^"]+)"', self.log("worker").read_text()))


@pytest.fixture
def processes(marked_world: object, tmp_path: Path) -> Iterator[Processes]:
    with ExitStack() as stack:
        folder = tmp_path / "logs"
        folder.mkdir()
        yield Processes(folder, stack)


def hits(folder: Path, wanted: set[bytes]) -> list[str]:
    """Where any of it stands first in any log."""
    found = []
    for file in sorted(folder.glob("*.log")):
        content = file.read_bytes()
        for one in wanted:
            if (at := content.find(one)) >= 0:
                found.append(f"{file.name}: {content[max(at - 500, 0) : at + 200]!r}")
    return found


def test_no_log_names_anybody_or_repeats_anything(
    marked_world: tuple[world.World, Canary], processes: Processes
) -> None:
    built, canary = marked_world
    marked = Marked(processes.web.port, built, canary)
    wanted = marked.spellings()

    marked.everywhere()
    everything_fails(marked, processes)
    processes.send_all_tasks()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    wait_for(
        lambda: processes.tasks_done() >= scheduled, "all tasks", processes.log("worker"), processes.worker
    )
    out = str(processes.folder / "export.zip")
    for command in (
        ["drain", "--all"],
        ["advance_deletions"],
        ["export_person", canary.user_id, out, "--reason", canary.mark],
    ):
        processes.manage(*command)
    one_request_wakes_a_worker(marked, processes)

    assert hits(processes.folder, wanted) == []
    every_request_has_one_line(marked, processes)
    assert marked.never_answered() == set()
    known = str(Subject.objects.filter(user_id=canary.user_id).values_list("pk", flat=True).first())
    assert any(line.get("subject") == known for line in processes.lines("web"))
    say_on_purpose(processes, canary.mark)
    assert [hit.partition(":")[0] for hit in hits(processes.folder, wanted)] == ["careless.log"]


def test_the_search_finds_a_mark_in_every_spelling(tmp_path: Path) -> None:
    canary, log = Canary(Api("", Client())), tmp_path / "a.log"
    key = "sk_of-somebody/with+signs"
    wanted = everywhere.spellings(canary.secret) | spelt([key])
    log.write_text('{"message": "nothing"}')
    assert hits(tmp_path, wanted) == []
    for text in (canary.mark, canary.user_id, key):
        for form in (
            text,
            quote(text, safe=""),
            json.dumps({"a": text}),
            base64.b64encode(f"x{text}".encode()).decode(),
            text.encode().hex(),
        ):
            log.write_text(f"a line of {form} here")
            assert len(hits(tmp_path, wanted)) >= 1, form


def everything_fails(marked: Marked, processes: Processes) -> None:
    """The database and BigQuery refuse what they are given, in words that quote it."""
    key = bearer(marked.world.keys["a secret key"])
    stranger = {"X-User-Id": f"{marked.canary.user_id}-new"}
    with broken("privacy_subject", marked.canary.mark):
        status = marked.call(
            "api/v1/privacy/settings",
            "PATCH",
            "/api/v1/privacy/settings",
            key | stranger,
            b'{"data_retention_days": 30}',
        )
        assert status == 500
    bigquery = Standin(settings.BIGQUERY_ENDPOINT)
    said = json.dumps(
        {"error": {"message": f"no such thing {marked.canary.mark}", "code": 400, "errors": []}}
    )
    bigquery.fail(
        times=1, match={"path": "insertAll"}, status=400, body=said, content_type="application/json"
    )
    one = json.dumps({"events": [cart()]}).encode()  # all others may have been delivered meanwhile
    assert marked.call("api/v1/events", "POST", "/api/v1/events", key, one) == 202
    with broken("capture_reading", marked.canary.mark):
        processes.send_all_tasks()
        wait_for(
            lambda: "raised unexpected" in processes.log("worker").read_text(),
            "a task that fails",
            processes.log("worker"),
            processes.worker,
        )

    def refused() -> bool:
        """Nothing of it goes out before every task is over that began a transaction earlier."""
        processes.manage("drain", "--all")  # what is not due yet as well
        return bool(bigquery.fired() == 1)

    wait_for(refused, "BigQuery's refusal", processes.log("worker"), processes.worker)
    bigquery.mend()


def one_request_wakes_a_worker(marked: Marked, processes: Processes) -> None:
    """A batch that fills an object: what the worker does for it names the request."""
    body = json.dumps({"events": [cart() for _ in range(500)]}).encode()
    key = bearer(marked.world.keys["a secret key"])
    assert marked.call("api/v1/events", "POST", "/api/v1/events", key, body) == 202
    request_id = list(marked.asked)[-1]
    log = processes.log("worker")
    wait_for(lambda: request_id in log.read_text(), "the woken task", log, processes.worker)
    woken = [line for line in processes.lines("worker") if line.get("request_id") == request_id]
    assert {line["task"] for line in woken} == {"capture.tasks.drain"}
    assert all(line["task_id"] for line in woken)


def say_on_purpose(processes: Processes, mark: str) -> None:
    """As a careless line of a program of ours would."""
    careless = (
        "import django; django.setup(); import logging; "
        f"logging.getLogger('capture.ingest').info('An event of %s', '{mark}')"
    )
    variables = processes.variables | {"DJANGO_SETTINGS_MODULE": "leafloaf.settings"}
    begun(["-c", careless], variables, processes.log("careless")).wait(60)


def every_request_has_one_line(marked: Marked, processes: Processes) -> None:
    told = [line for line in processes.lines("web") if line["logger"] == "leafloaf.requests"]
    counts = Counter(line["request_id"] for line in told)
    assert {request: counts[request] for request in marked.asked if counts[request] != 1} == {}
    assert marked.patterns() - {line["route"] for line in told} == set()
    failed = [line for line in told if line["status"] == 500]
    assert [line["severity"] for line in failed] == ["ERROR"] * len(failed)
    assert any("(P0001)" in line["exception"] for line in failed)
