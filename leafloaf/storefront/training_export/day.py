"""One day of the export, as files in a folder: searches, lessons and a manifest for each intent.

The same log, settings and catalogue give the same bytes.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import msgspec
from django.conf import settings

from leafloaf.storefront import intent
from leafloaf.storefront.intent import known as intent_names
from leafloaf.storefront.training_export import log, shapes
from leafloaf.storefront.training_export.known import Known
from privacy.anonymise import Anonymised

SEARCHES = "searches.jsonl"
LESSONS = "lessons.jsonl"
MANIFEST = "manifest.json"
LEFT_OUT = (*log.FATES, "nothing_asked", "scrubbed_away")
"""Why a search is in no row; the last two, because nothing was asked or nothing of it may be told."""
REMEMBERED = 20_000
"""Queries whose reading is remembered while a day is written; most are asked again and again."""
CHUNK = 1 << 20

encoder = msgspec.json.Encoder()


@dataclass
class Counts:
    """What became of the searches of one intent: each is a row or was left out."""

    searches: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    scrubbed: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    lessons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Reading:
    """A query as it may be told, and what it asks for; no lesson is made of one that lost a word."""

    told: Anonymised
    meant: intent.Intent | None


class Day:
    """Writes the files of one UTC day into a folder.

    Args:
        only: one person's rows and no others, to tell which of a day's are theirs.
    """

    def __init__(self, day: date, labels: Sequence[str], folder: Path, only: log.Only | None = None) -> None:
        self.day = day
        self.only = only
        self.labels = tuple(labels)
        self.folder = folder
        self.counts = {label: Counts() for label in labels}

    def write(self, now: datetime) -> None:
        """Fills the folder, which holds nothing of the day yet."""
        self.known = Known(log.common_words(self.day, now, self.only))
        self.names = intent_names.current()
        self.reading = lru_cache(REMEMBERED)(self._read)
        with ExitStack() as self.open:
            self.files: dict[str, IO[bytes]] = {}
            for batch in log.read(self.day, self.labels, now, self.only):
                self._learn(batch)
                for label, fate, search in batch:
                    self._take(label, fate, search)
        for label in self.labels:
            self._manifest(label, is_complete=now >= log.complete_at(self.day))

    def files_of(self, label: str) -> list[str]:
        """The files there are of an intent, the manifest last: who sees it can read the others."""
        ends = (SEARCHES, LESSONS, MANIFEST)
        return [name for end in ends if (self.folder / (name := name_of(label, end))).exists()]

    def total(self) -> dict[str, int]:
        """What the day comes to, over all its intents."""
        every = self.counts.values()
        left_out = sum((one.left_out for one in every), Counter[str]())
        return {
            "searches": sum(one.searches for one in every),
            "rows": sum(one.rows[SEARCHES] for one in every),
            "lessons": sum(one.rows[LESSONS] for one in every),
            **{reason: left_out[reason] for reason in LEFT_OUT},
        }

    def _learn(self, batch: list[log.Told]) -> None:
        searches = [search for _, _, search in batch if search]
        skus = {sku for one in searches for sku in (*one.shown, *one.clicked, *one.added, *one.bought)}
        self.known.learn({search.query for search in searches}, skus)

    def _take(self, label: str, fate: str, search: log.Search | None) -> None:
        counts = self.counts[label]
        counts.searches += 1
        if search is None:
            counts.left_out[fate] += 1
        elif not search.query.strip():
            counts.left_out["nothing_asked"] += 1
        elif not (reading := self.reading(search.query)).told.kept:
            counts.left_out["scrubbed_away"] += 1
        else:
            counts.scrubbed += not reading.told.is_whole
            self._write_rows(label, reading, search)

    def _read(self, query: str) -> Reading:
        told = self.known.anonymised(query)
        return Reading(told, intent.of(told.text, self.names) if told.is_whole and told.kept else None)

    def _write_rows(self, label: str, reading: Reading, search: log.Search) -> None:
        query = reading.told.text
        products = {
            name: self.known.sold(getattr(search, name)) for name in ("shown", "clicked", "added", "bought")
        }
        self._add(label, SEARCHES, shapes.search_row(self.day, query, label, **products))
        if reading.meant is None:
            return
        if reading.meant.name == label:  # where the sender read something else, nobody knows which is right
            self._add(label, LESSONS, shapes.intent_lesson(query, label, reading.meant.entities))
        if sku := shapes.chosen(**products):
            offered = [(one, self.known.name(one) or "") for one in products["shown"][: shapes.MOST_OFFERED]]
            self._add(label, LESSONS, shapes.choice_lesson(query, offered, sku))

    def _add(self, label: str, end: str, row: dict[str, Any]) -> None:
        name = name_of(label, end)
        if name not in self.files:
            self.files[name] = self.open.enter_context((self.folder / name).open("wb"))
        self.files[name].write(encoder.encode(row) + b"\n")
        counts = self.counts[label]
        counts.rows[end] += 1
        if end == LESSONS:
            counts.lessons[row["task"]] += 1

    def _manifest(self, label: str, *, is_complete: bool) -> None:
        counts = self.counts[label]
        document = {
            "schema_version": shapes.SCHEMA_VERSION,
            "day": self.day.isoformat(),
            "intent": label,
            "is_complete": is_complete,
            "k": settings.SEARCH_ANALYTICS_K,
            "searches": counts.searches,
            "rows": counts.rows[SEARCHES],
            "rows_with_marks": counts.scrubbed,
            "left_out": {reason: counts.left_out[reason] for reason in LEFT_OUT},
            "lessons": {task: counts.lessons[task] for task in ("intent", "product")},
            "files": [self._described(name, counts) for name in self.files_of(label)],
        }
        (self.folder / name_of(label, MANIFEST)).write_bytes(encoder.encode(document) + b"\n")

    def _described(self, name: str, counts: Counts) -> dict[str, Any]:
        path = self.folder / name
        rows = counts.rows[name.removeprefix(f"{name.partition('.')[0]}.")]
        return {"name": name, "rows": rows, "bytes": path.stat().st_size, "sha256": digest_of(path)}


def name_of(label: str, end: str) -> str:
    return f"{label}.{end}"


def digest_of(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()
