"""What analytics is told of a query: BigQuery, the objects in Cloud Storage, and the counts of queries in Redis.

What has a shape becomes a mark, and of the other words those stay that somebody vouches for: `settings.QUERY_WORDS`
says which of some words are nobody's secret. It is asked once for all new words of a batch, and its answers are
remembered for a minute, for a word may come to be known, or be forgotten. The log keeps what was typed.

A batch that is sent again may so be told in other words than the first time: stores go by its events, not by these.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.module_loading import import_string

from leafloaf.catalog.text import normalise
from privacy import anonymise

KEPT_SECONDS = 60.0
MOST = 50_000
"""Queries, or words, that a process remembers at once."""

PLAIN = re.compile(rf"[A-Za-zÀ-ÖØ-öø-ÿŒœ '’-]{{0,{anonymise.LONGEST}}}")
"""No digit and none of the signs that a link or an address has."""

Vouch = Callable[[Collection[str]], Collection[str]]


@dataclass
class Memory:
    """What was answered since a moment."""

    until: float = 0.0
    words: dict[str, bool] = field(default_factory=dict)
    queries: dict[str, str] = field(default_factory=dict)

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() < self.until and max(len(self.words), len(self.queries)) < MOST


_memory = Memory()


def told(query: str) -> str:
    """The query as analytics gets it."""
    memory = _remembered()
    if query not in memory.queries:
        _learn([query], memory)
    return memory.queries[query]


def learn(queries: Iterable[str]) -> None:
    """Works out at once what `told` will be asked: one look-up for all words that are new."""
    memory = _remembered()
    if new := {query for query in queries if query not in memory.queries}:
        _learn(new, memory)


def forget() -> None:
    """Asks anew for everything."""
    global _memory
    _memory = Memory()


def _remembered() -> Memory:
    global _memory
    if not _memory.is_fresh:
        _memory = Memory(time.monotonic() + KEPT_SECONDS)
    return _memory


def _learn(queries: Collection[str], memory: Memory) -> None:
    words = {query: _words(query) for query in queries}
    _look_up({word for some in words.values() for word in some}, memory)
    for query, some in words.items():
        plain = PLAIN.fullmatch(query) is not None
        memory.queries[query] = _plain(some, memory) if plain else _anonymised(query, memory)


def _anonymised(query: str, memory: Memory) -> str:
    def keeps(word: str) -> bool:
        _look_up({word}, memory)
        return memory.words[word]

    return anonymise.anonymise(query, keeps, _split).text


def _plain(words: list[str], memory: Memory) -> str:
    """The same for words alone, at a tenth of the cost: there is nothing in them that could have a shape."""
    told: list[str] = []
    for word in words:
        if memory.words[word]:
            told.append(word)
        elif not told or told[-1] != anonymise.Mark.WORD:
            told.append(anonymise.Mark.WORD)
    return " ".join(told)


def _look_up(words: set[str], memory: Memory) -> None:
    if new := [word for word in words if word not in memory.words]:
        some = [word for word in new if len(word) <= anonymise.LONGEST_WORD]
        vouched = frozenset(_vouch()(some)) if some else frozenset()
        memory.words |= {word: word in vouched for word in new}


def _words(query: str) -> list[str]:
    """As `normalise` has them, which for the plainest of queries is nothing more than lower case."""
    if query.isascii() and query.replace(" ", "").isalpha():
        return query.lower().split()
    return _split(query[: anonymise.LONGEST])


def _split(text: str) -> list[str]:
    return normalise(text).split()


def _vouch() -> Vouch:
    """Who vouches for words; without the setting nobody does, and only marks and amounts are told."""
    path: str = settings.QUERY_WORDS
    found: Vouch = import_string(path) if path else _nobody
    return found


def _nobody(words: Collection[str]) -> Collection[str]:
    return ()
