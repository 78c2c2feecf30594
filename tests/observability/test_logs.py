"""A line of the log: one line whatever is in it, with fields that machines know, and nothing an exception quotes."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import DataError, IntegrityError, connection
from hypothesis import given
from hypothesis import strategies as st

from leafloaf.lib import request_ids
from leafloaf.lib.request_ids import Work
from leafloaf.observability.logs import JsonLine, Loudness, TextLine

FORMATS = (JsonLine(), TextLine())
HOSTILE = "ann\n2026-01-01 ERROR forged\r\x1b[31mred\x1b[0m\u2028next\x85line\u202eback\x07\udc80"


def record(message: str, *args: object, level: int = logging.ERROR, **more: Any) -> logging.LogRecord:
    return logging.getLogger("capture.deliver").makeRecord(
        "capture.deliver", level, __file__, 1, message, args, more.pop("exc_info", None), extra=more
    )


def raised(error: Exception) -> Any:
    try:
        raise error
    except type(error):
        return sys.exc_info()


def as_json(one: logging.LogRecord) -> dict[str, Any]:
    line = JsonLine().format(one)
    assert len(line.splitlines()) == 1
    told: dict[str, Any] = json.loads(line)
    return told


@pytest.fixture
def working() -> Iterator[Work]:
    with request_ids.working(Work("request-1", "capture.tasks.drain", "task-1")) as work:
        yield work


def test_a_line_has_the_fields_that_machines_know() -> None:
    told = as_json(record("Batch %s is blocked", "b-1", level=logging.WARNING))
    assert list(told) == ["time", "severity", "logger", "message", "process"]
    assert told["severity"] == "WARNING"
    assert told["message"] == "Batch b-1 is blocked"
    assert told["time"].endswith("Z")
    assert datetime.fromisoformat(told["time"]).tzinfo is not None


def test_every_line_of_one_piece_of_work_says_which(working: Work) -> None:
    told = as_json(record("Something"))
    assert (told["request_id"], told["task"], told["task_id"]) == (
        "request-1",
        "capture.tasks.drain",
        "task-1",
    )
    assert "request_id=request-1 task=capture.tasks.drain" in TextLine().format(record("Something"))


def test_what_a_library_adds_is_left_out() -> None:
    told = as_json(record("Done", data={"args": "user_ann"}, status=200))
    assert told["status"] == 200
    assert "user_ann" not in json.dumps(told)


@pytest.mark.parametrize("formatter", FORMATS)
def test_no_text_ends_its_line_or_colours_a_terminal(formatter: logging.Formatter) -> None:
    line = formatter.format(record("The name is %s", HOSTILE, code=HOSTILE))
    assert len(line.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u202e]", line)
    line.encode()
    assert "forged" in line


@given(text=st.text())
def test_whatever_the_text_it_is_one_line(text: str) -> None:
    for formatter in FORMATS:
        line = formatter.format(record("%s", text, route=text, exc_info=raised(ValueError(text))))
        assert len(line.splitlines()) == 1
        line.encode()


@pytest.mark.parametrize("formatter", FORMATS)
def test_an_exception_is_told_without_what_it_says(formatter: logging.Formatter) -> None:
    secret = f"user_{uuid4().hex}"

    def fails(user_id: str) -> None:
        raise KeyError(user_id)

    try:
        try:
            fails(secret)
        except KeyError as error:
            raise ValueError(f"There is no {secret}") from error
    except ValueError as error:
        line = formatter.format(record("Task %s raised: %r", "drain", error, exc_info=sys.exc_info()))
    assert secret not in line
    assert "Task drain raised: ValueError" in line
    assert "in fails" in line
    assert line.index("KeyError") < line.index("The above led to this")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "kind", "state"),
    [
        ("SELECT %s::uuid", DataError, "22P02"),
        (
            "INSERT INTO privacy_subject (id, user_id, generation, state) VALUES (NULL, %s, 1, 'active')",
            IntegrityError,
            "23502",
        ),
    ],
)
def test_an_error_of_postgres_is_told_by_its_code(statement: str, kind: type[Exception], state: str) -> None:
    user_id = f"user_{uuid4().hex}"
    with pytest.raises(kind) as caught, connection.cursor() as cursor:
        cursor.execute(statement, [user_id])
    assert user_id in str(caught.value), "the test would prove nothing"
    told = as_json(record("Failed", exc_info=(caught.type, caught.value, caught.tb)))
    assert user_id not in json.dumps(told)
    assert told["exception"] == f"django.db.utils.{kind.__name__} ({state})"


def test_no_variable_of_a_frame_is_told() -> None:
    hidden = uuid4().hex
    told = as_json(record("Failed", exc_info=raised(ValueError(hidden))))
    assert hidden not in json.dumps(told)
    assert "in raised" in told["stack_trace"]


@pytest.mark.parametrize(
    ("name", "level", "is_told"),
    [
        ("capture.deliver", logging.DEBUG, True),
        ("leafloaf.tasks", logging.DEBUG, True),
        ("django.db.backends", logging.DEBUG, False),
        ("urllib3.connectionpool", logging.DEBUG, False),
        ("urllib3.connectionpool", logging.INFO, True),
        ("leafloafish", logging.DEBUG, False),
    ],
)
def test_libraries_tell_nothing_below_info(name: str, level: int, is_told: bool) -> None:
    one = logging.getLogger(name).makeRecord(name, level, __file__, 1, "x", (), None)
    assert Loudness().filter(one) is is_told
