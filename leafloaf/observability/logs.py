"""How a line of the log is made: JSON for machines or text for people, always one line, and never what it must not say.

An exception is told by its types, where it was raised and, from Postgres, its code. What it says for itself is left
out: that may quote a row, and so a person. So are the values of variables.
"""

import logging
import os
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from logging.config import dictConfig
from types import TracebackType
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from leafloaf.lib import request_ids
from leafloaf.lib.errors import chain_of, kind_of

OURS = ("leafloaf", "capture", "personalization", "privacy")
ADDED = (
    "method",
    "route",
    "status",
    "duration_ms",
    "credential",
    "key",
    "subject",
    "code",
)
"""What a caller may add with `extra`; anything else that a library adds is left out."""
LONGEST_MESSAGE = 4000
MOST_FRAMES = 40
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What could end a line, colour a terminal, turn text around, or cannot be written as UTF-8."""

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def configure(config: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG. What Python itself would print in many lines goes into the log as well."""
    dictConfig(config)
    if config["handlers"]["console"]["formatter"] == "json":
        logging.captureWarnings(True)
        sys.excepthook = uncaught
        threading.excepthook = lambda said: uncaught(
            said.exc_type, said.exc_value or said.exc_type(), said.exc_traceback
        )


def chosen() -> logging.Formatter:
    """The formatter that the settings ask for, for programs that are configured before them (granian.json)."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leafloaf.settings")
    from django.conf import settings

    return JsonLine() if settings.LOG_FORMAT == "json" else TextLine()


def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """In the place of Python's `sys.excepthook`."""
    if not issubclass(kind, KeyboardInterrupt):
        logging.getLogger(__name__).critical("It ended with an error.", exc_info=(kind, error, trace))


class Loudness(logging.Filter):
    """Lets through what is ours as `LOG_LEVEL` says, and of the libraries nothing below INFO: there they log data."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.INFO or record.name.partition(".")[0] in OURS


class KeptError(logging.Handler):
    """In the place of Django's own lines about requests, which say the address: keeps the error for ours."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            request_ids.note_error(record.exc_info[1])


class JsonLine(JsonFormatter):
    """One JSON object a line."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return log_data  # made by `add_fields`, complete

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        log_data |= fields(record)


class TextLine(logging.Formatter):
    """Time, severity, logger, message, then the rest as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        told = fields(record)
        head = [str(told.pop(name)) for name in ("time", "severity", "logger", "message")]
        del told["process"]
        frames = told.pop("stack_trace", "").splitlines()
        rest = [f"{name}={one_line(str(value))}" for name, value in told.items()]
        return " ".join(
            [*head, *rest, *(["|"] if frames else []), " | ".join(map(str.strip, frames))]
        ).rstrip()


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What a line says, by the names in docs/logs.md, in its order."""
    told: dict[str, Any] = {
        "time": f"{datetime.fromtimestamp(record.created, UTC).isoformat(timespec='milliseconds')[:-6]}Z",
        "severity": record.levelname,
        "logger": record.name,
        "message": one_line(said(record)),
        "process": record.process,
    }
    if work := request_ids.work():
        about = {"request_id": work.request_id, "task": work.task, "task_id": work.task_id}
        told |= {name: value for name, value in about.items() if value}
    told |= {name: value for name in ADDED if (value := getattr(record, name, None)) is not None}
    if record.exc_info and record.exc_info[1]:
        error = record.exc_info[1]
        told |= {"exception": kind_of(error), "stack_trace": stack_of(error)}
    return told


def said(record: logging.LogRecord) -> str:
    """The message. Where an exception came with it, what that says is left out of it."""
    text = record.getMessage()
    if record.exc_info and (error := record.exc_info[1]):
        for spelt in (repr(error), str(error)):
            text = text.replace(spelt, type(error).__name__) if spelt else text
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def one_line(text: str) -> str:
    """Nothing in it ends a line or is obeyed by a terminal; what was there can still be read."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def stack_of(error: BaseException) -> str:
    """As Python writes it, without what the exceptions say; those that led to one another stand in their order."""
    return "\n\nThe above led to this:\n\n".join(
        "\n".join(["Traceback (most recent call last):", *frames_of(one), kind_of(one)])
        for one in reversed(list(chain_of(error)))
    )


def frames_of(error: BaseException) -> list[str]:
    summary = traceback.extract_tb(error.__traceback__, limit=-MOST_FRAMES)
    return [
        f'  File "{one.filename}", line {one.lineno}, in {one.name}'
        + (f"\n    {one.line}" if one.line else "")
        for one in summary
    ]
