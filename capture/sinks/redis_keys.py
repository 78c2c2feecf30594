"""Every key that this project writes into Redis, and which data holder answers for it.

A key that none of these patterns matches fails the suite (`tests/capture/test_redis_keys.py`): who adds one says here
whether it holds something of a person, and has it erased.
"""

import re
from dataclasses import dataclass

HOLDER = "redis"
"""In `settings.DATA_HOLDERS`."""


@dataclass(frozen=True)
class Keys:
    """Keys of one kind.

    Attributes:
        pattern: of the name, under our prefix unless it is the broker's.
        lives: their time to live.
        holder: who erases what is a person's in them; empty when nothing is.
    """

    pattern: str
    holds: str
    lives: str
    holder: str = ""
    is_brokers: bool = False

    def matches(self, name: str) -> bool:
        return re.fullmatch(self.pattern, name) is not None


def escaped(prefix: str) -> str:
    """The prefix as a pattern of SCAN means it."""
    return "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)


DAY = r"\d{4}-\d\d-\d\d"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
FROM_THE_FIRST = "90 days from the first event"
FROM_THE_LAST = "90 days from the last event"

ALL = (
    Keys(rf"user:{UUID}:profile", "what a person did, counted; the last query", FROM_THE_LAST, HOLDER),
    Keys(rf"user:{UUID}:searches", "ids of a person's newest searches", FROM_THE_LAST, HOLDER),
    Keys(rf"user:{UUID}:traces", "what each event of a person added", FROM_THE_LAST, HOLDER),
    Keys(r"session:[0-9a-f]{64}:traces", "likewise of an anonymous visit", FROM_THE_LAST, HOLDER),
    Keys(r"search:.+", "one search, with its pseudonym and visit", "90 days from being received", HOLDER),
    Keys(rf"searches:daily:{DAY}", "ids of the day's searches", FROM_THE_FIRST, HOLDER),
    Keys(rf"supplier:[^:]*:queries:{DAY}", "queries that showed a supplier, counted", FROM_THE_FIRST, HOLDER),
    Keys(rf"products:popular:{DAY}", "products that were wanted, counted", FROM_THE_FIRST, HOLDER),
    Keys(rf"intent:stats:{DAY}", "intents of searches, counted", FROM_THE_FIRST, HOLDER),
    Keys(rf"events:daily:{DAY}", "events by type, counted", FROM_THE_FIRST, HOLDER),
    Keys(rf"user:{UUID}:cache:[0-9a-f]{{32}}", "a page in a person's order", "1 hour", HOLDER),
    Keys(rf"user:{UUID}:cache:memory:.+", "what is remembered of a person", "1 hour", HOLDER),
    Keys(rf"user:{UUID}:kept", "the names of the two above", "1 hour from the last", HOLDER),
    Keys(r"cache:[0-9a-f]{32}", "a page for anybody", "10 minutes", HOLDER),
    Keys(r"(user:.+:)?cache:.+:making", "that somebody makes a page", "3 seconds"),
    Keys(r"searches:waiting", "anonymous searches while Postgres is away", "30 days", HOLDER),
    Keys(
        r"throttle:[0-9a-f]{32}",
        "how much of a limit somebody used; whose, under a keyed hash",
        "an hour at most",
    ),
    Keys(r"batches:\d+", "which batches were applied", "97 days from the last"),
    Keys(r"celery(\x06\x16\d)?", "wake-ups: names of tasks and sinks", "until taken", is_brokers=True),
    Keys(
        r"unacked(_index|_mutex)?", "wake-ups in a worker's hands", "while somebody listens", is_brokers=True
    ),
    Keys(r"_kombu\.binding[._].+", "the broker's routes", "for ever", is_brokers=True),
    Keys(
        r".+\.celery\.pidbox|.+\.reply\.celery\.pidbox",
        "calls to workers",
        "while somebody listens",
        is_brokers=True,
    ),
)


def kinds_of(name: str, prefix: str) -> list[Keys]:
    """The kinds that a key may be of; none for one that is unknown."""
    is_ours = name.startswith(prefix)
    return [kind for kind in ALL if kind.is_brokers != is_ours and kind.matches(name.removeprefix(prefix))]
