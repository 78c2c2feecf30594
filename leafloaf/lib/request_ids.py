"""What the log lines of one piece of work have in common: the id of the request, or the task and who woke it.

The id is for looking things up, in our logs and in those of who called: whoever calls may choose it, so it is taken
only where it is made like one. It says nothing of a person and must not.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

import uuid6

HEADER = "X-Request-Id"
WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")

logger = logging.getLogger(__name__)


@dataclass
class Work:
    """One request, or one run of a task, and what became known of it on the way."""

    request_id: str = ""
    task: str = ""
    task_id: str = ""
    subject_id: UUID | None = None
    """The pseudonym of the one person it is about, when that was looked up."""
    error: BaseException | None = None
    """What nobody expected, and was answered with 500."""


_work: ContextVar[Work | None] = ContextVar("work", default=None)


def accepted(said: str | None) -> str:
    """The id that a caller sent, where it is well-formed; else a new one, which sorts by time."""
    return said if said and WELL_FORMED.fullmatch(said) else str(uuid6.uuid7())


@contextmanager
def working(work: Work) -> Iterator[Work]:
    """Until the end of the block, what is logged belongs to this work."""
    before = _work.set(work)
    try:
        yield work
    finally:
        _work.reset(before)


def set_work(work: Work | None) -> None:
    """The same for who cannot put a block around it: it lasts until it is set again."""
    _work.set(work)


def work() -> Work | None:
    return _work.get()


def current() -> str:
    """The id of the request, empty outside of one."""
    now = _work.get()
    return now.request_id if now else ""


def note_subject(subject_id: UUID | None) -> None:
    """Says whom the request is about."""
    if (now := _work.get()) and subject_id:
        now.subject_id = subject_id


def note_error(error: BaseException) -> None:
    """Keeps an error for the one line about its request; outside of one it is logged here."""
    if now := _work.get():
        now.error = error
    else:
        logger.error("An unexpected error.", exc_info=error)
