"""Keeps the copy like what is remembered where no event does: when somebody changes their mind, and every night.

Invariants:
* What a person does not allow any more is noted in the transaction of their change, and leaves the copy within seconds
  of it; the note goes once that is done, unless they have changed their mind again.
* It is noted as well while Spanner is switched off, once it had somebody, and done when it is on again.
* The night writes whom Postgres knows in another version than the copy and removes whom it does not know: batches that
  were missed and restored backups are right again in the morning. Any number of runs may go on at once.
* One person whom Spanner refuses holds nobody else up.
* The sink's row is there before anybody is written: by it the holder knows that it may hold people.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast
from uuid import UUID

from django.db.models.functions import Now

from capture import sinks
from capture.holders.spanner import SpannerHolder
from capture.models import Sink
from capture.sinks.base import BatchRefused, Unavailable
from leafloaf.lib import statements
from leafloaf.lib.errors import kinds_of
from personalization.graph_copy import tables
from personalization.models import GraphDebt
from privacy import consent
from privacy.consent import Consent

if TYPE_CHECKING:
    from capture.sinks.spanner import SpannerSink
    from capture.sinks.spanner_calls import Seconds

logger = logging.getLogger(__name__)

SINK = "spanner"
AT_ONCE = 200
GROUP = 4
"""So many people are done, or are not, together."""
SETTLE_SECONDS = 20.0
"""What a run has not come to by then, the next one does: a Spanner that hangs holds a worker's thread no longer."""
MOST_ROWS = 5_000
FIRST, LAST = "", "g"
"""Before and after every pseudonym, which is written in hexadecimal."""
REMEMBERED = f"""
    SELECT profile.subject_id, profile.version FROM personalization_profile AS profile
    JOIN privacy_subject AS subject ON subject.id = profile.subject_id AND subject.state = 'active'
    WHERE (%(after)s::uuid IS NULL OR profile.subject_id > %(after)s::uuid)
      AND {consent.PERSONALIZES.format(subject="profile.subject_id")}
      AND EXISTS (SELECT FROM personalization_producthistory AS kept WHERE kept.subject_id = profile.subject_id)
    ORDER BY profile.subject_id LIMIT %(most)s
"""  # noqa: S608 (SQL of our own)


def listen(subject_id: UUID, before: Consent, after: Consent) -> None:
    """What `settings.PRIVACY_LISTENERS` names: notes whose copy is another one from now on."""
    if SpannerHolder().is_on():  # on or not, and in whatever process: the copy is there
        GraphDebt.objects.update_or_create(subject_id=subject_id, defaults={"since": Now()})


def settle() -> int:
    """Makes the copies anew that are owed; how many those were.

    Whom Spanner refuses stays noted, behind everybody else.

    Raises:
        Unavailable: Spanner takes nothing now, or no time is left; what is owed still stays noted.
    """
    owed: list[tuple[UUID, datetime]] = list(
        GraphDebt.objects.order_by("since").values_list("subject_id", "since")[:AT_ONCE]
    )
    if not owed:
        return 0
    _begin()
    seconds, settled = _until(time.monotonic() + SETTLE_SECONDS), 0
    for start in range(0, len(owed), GROUP):
        group = owed[start : start + GROUP]
        made = _made([str(subject) for subject, _ in group], seconds)
        for subject, since in group:
            note = GraphDebt.objects.filter(subject_id=subject, since=since)
            if str(subject) in made:
                note.delete()
            else:
                note.update(since=Now())
        settled += len(made)
    return settled


def _made(subjects: Sequence[str], seconds: "Seconds | None" = None) -> set[str]:
    """Makes the copies of these people anew; those whom Spanner took.

    Raises:
        Unavailable: Spanner takes nothing now.
    """
    try:
        sink().put_whole(subjects, seconds)
    except BatchRefused as error:
        if len(subjects) == 1:
            logger.error("Spanner refuses the graph of one person (%s).", kinds_of(error))
            return set()
        return {made for subject in subjects for made in _made([subject], seconds)}
    return set(subjects)


def _begin() -> None:
    Sink.objects.get_or_create(name=SINK)


def _until(deadline: float) -> "Seconds":
    from capture.sinks.spanner_calls import until  # only who has it on pays for the client

    return until(deadline)


def settle_if_on() -> int:
    """The same, for the scheduler: what does not work is tried again soon."""
    if not sinks.is_enabled(SINK):
        return 0
    try:
        return settle()
    except Unavailable as error:
        logger.warning("Copies of the graph are owed, and Spanner took no more (%s).", kinds_of(error))
        return 0


def draw_if_on() -> int:
    """`draw`, for the scheduler: the next night goes on."""
    if not sinks.is_enabled(SINK):
        return 0
    try:
        return draw()
    except (Unavailable, BatchRefused) as error:
        logger.error("The graph was not drawn to its end: Spanner took no more (%s).", kinds_of(error))
        return 0


def draw() -> int:
    """Goes through everybody; how many copies were made anew or removed.

    Raises:
        Unavailable, BatchRefused: Spanner takes nothing; whom it has come to stays done.
    """
    _begin()
    changed, after = 0, FIRST
    for page in _pages():
        is_last = len(page) < AT_ONCE
        until = LAST if is_last else str(page[-1][0])
        drawn = _drawn(after, until)
        wanted = {str(subject): version for subject, version in page}
        due = [subject for subject, version in wanted.items() if drawn.get(subject, -1) != version]
        gone = sorted(drawn.keys() - wanted.keys())
        waiting = [*due, *gone]
        for start in range(0, len(waiting), GROUP):
            changed += len(_made(waiting[start : start + GROUP]))
        after = until
    logger.info("The graph of %d people was drawn anew.", changed)
    return changed


def _pages() -> Iterator[list[tuple[UUID, int]]]:
    """Everybody of whom something is remembered, in order; the last page is shorter than `AT_ONCE`."""
    after = None
    while True:
        page = [(row[0], row[1]) for row in statements.fetch(REMEMBERED, {"after": after, "most": AT_ONCE})]
        yield page
        if len(page) < AT_ONCE:
            return
        after = page[-1][0]


def _drawn(after: str, until: str) -> dict[str, int | None]:
    """Who is in the copy behind `after` and up to `until`, and as which version of them it was drawn."""
    drawn: dict[str, int | None] = {}
    while True:
        keys = {"ranges": [{"start_open": [after], "end_closed": [until]}]}
        found = [*sink().read(tables.PERSON, keys, limit=MOST_ROWS)]
        drawn |= {str(row["subject_id"]): cast("int | None", row["drawn_version"]) for row in found}
        if len(found) < MOST_ROWS:
            return drawn
        after = str(found[-1]["subject_id"])


def sink() -> "SpannerSink":
    """Whoever asks has it switched on: its client is imported here and nowhere before."""
    return cast("SpannerSink", sinks.get(SINK))
