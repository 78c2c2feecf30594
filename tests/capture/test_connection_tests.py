"""*Test connection*: asked for on a page, done by a task, shown with its age."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from capture import connection_tests, control, tasks
from capture.models import ConnectionTest
from capture.sinks.base import Misconfigured, Unavailable
from capture.sinks.memory import MemorySink
from leafloaf.access.models import AuditEntry
from tests.conftest import memory_configuration

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/admin/dashboards/backend-health/"


@pytest.fixture
def olive(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olive"))
    return client


def words_of(page: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.decode()))


def test_the_page_asks_nobody_and_a_task_does(memory: MemorySink, olive: Client) -> None:
    memory.fail_next(Misconfigured("404: no such table"))
    asked = olive.post(PAGE, {"act": "test", "sink": "memory"}, follow=True)
    assert "Memory is being asked" in words_of(asked.content)
    assert "Connection: being asked" in words_of(asked.content)
    tasks.test_connections()
    shown = words_of(olive.get(PAGE).content)
    assert "Connection: no" in shown
    assert "404: no such table" in shown
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("olive", "test connection", "memory")


def test_a_sink_that_is_well_says_so(memory: MemorySink, olive: Client) -> None:
    connection_tests.ask("memory", by="olive")
    tasks.test_connections()
    assert "Connection: it would take a batch" in words_of(olive.get(PAGE).content)


def test_what_was_asked_for_is_done_once(memory: MemorySink) -> None:
    connection_tests.ask("memory", by="olive")
    assert len(connection_tests.run()) == 1
    assert connection_tests.run() == []


def test_a_test_that_somebody_is_doing_is_left_to_them_until_they_are_taken_for_dead(
    memory: MemorySink,
) -> None:
    connection_tests.ask("memory", by="olive")
    ConnectionTest.objects.update(begun_at=datetime.now(UTC))
    assert connection_tests.run() == []
    ConnectionTest.objects.update(begun_at=datetime.now(UTC) - connection_tests.LEASE - timedelta(seconds=1))
    assert len(connection_tests.run()) == 1


def test_asking_again_forgets_the_answer_of_before(memory: MemorySink) -> None:
    memory.fail_next(Unavailable("busy"))
    assert connection_tests.now("memory", by="olive").error == "busy"
    connection_tests.ask("memory", by="olive")
    test = ConnectionTest.objects.get()
    assert (test.error, test.answered_at) == ("", None)


def test_an_answer_to_an_older_question_is_not_taken_for_the_newer_ones(memory: MemorySink) -> None:
    connection_tests.ask("memory", by="olive")
    older = ConnectionTest.objects.get()
    connection_tests.ask("memory", by="basil")
    connection_tests._finish(older)
    assert ConnectionTest.objects.get().answered_at is None


def test_a_sink_that_is_off_in_the_settings_cannot_be_asked(memory: MemorySink, settings: Settings) -> None:
    settings.SINKS = {"memory": memory_configuration(ENABLED=False)}
    with pytest.raises(control.UnknownSink):
        connection_tests.ask("memory", by="olive")
    with pytest.raises(CommandError, match="is no sink that is switched on"):
        call_command("test_connections", "memory", stdout=io.StringIO())


def test_the_command_says_what_each_sink_says(memory: MemorySink) -> None:
    said = io.StringIO()
    call_command("test_connections", stdout=said)
    assert said.getvalue().startswith("memory: answers (")
    memory.fail_next(Unavailable("busy"))
    with pytest.raises(CommandError, match="No answer from memory"):
        call_command("test_connections", stdout=said)
    assert "memory: busy" in said.getvalue()
