"""What *Backend health* asks before it does something that cannot be taken back: how much it would come to."""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db.models import QuerySet
from django.http import QueryDict

from capture import cards, control, dead_letters, failures
from capture.models import DeadLetter


@dataclass(frozen=True)
class BackFill:
    """A back-fill as it would be, or why it cannot be."""

    name: str
    found: control.BackFill | None
    refusal: str

    @property
    def title(self) -> str:
        return cards.title_of(self.name)


@dataclass(frozen=True)
class Replay:
    """A replay as it would be: of all dead letters of a sink, or of those that are like one of them."""

    name: str
    alike: str
    found: dead_letters.Counted
    newest: int

    @property
    def title(self) -> str:
        return cards.title_of(self.name)


def back_fill(asked: QueryDict) -> BackFill | None:
    """The back-fill that the address asks about; nothing is done before somebody agrees to it."""
    name = asked.get("back_fill", "")
    if name not in settings.SINKS:
        return None
    try:
        return BackFill(name, control.would_back_fill(name, chosen_day(asked)), "")
    except ValueError as error:
        return BackFill(name, None, str(error))


def replay(asked: QueryDict) -> Replay | None:
    """Likewise the replay."""
    name, alike = asked.get("replay", ""), asked.get("alike", "")
    if name not in settings.SINKS:
        return None
    return Replay(name, alike, dead_letters.counted(letters(name, alike)), dead_letters.newest())


def letters(name: str, alike: str) -> QuerySet[DeadLetter]:
    """The dead letters of a sink: all, or those of the same reason as the one of this number."""
    dead = dead_letters.found(dead_letters.Wanted(sink=name))
    return failures.alike(dead, alike) if alike else dead


def chosen_day(data: QueryDict) -> date | None:
    """The day that a back-fill should begin with; none means all the log.

    Raises:
        ValueError: it is no day.
    """
    text = data.get("since", "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ValueError(f"“{text[:40]}” is not a day such as 2026-11-20.") from error
