"""A source of people of whom nothing is remembered, for what a sink promises of batches."""

from collections.abc import Iterable, Mapping, Sequence

from capture.records import Record
from capture.sinks.spanner_tables import Change, Key, Part
from personalization.graph_copy.source import MemorySource


class Nobody(MemorySource):
    def parts(self, records: Iterable[Record]) -> Sequence[Part]:
        return [Part(record.user_id) for record in records if record.user_id]

    def changes(self, parts: Sequence[Part]) -> Sequence[Change]:
        return [Change(part.subject_id, is_erased=True) for part in parts]

    def nodes(self, parts: Sequence[Part]) -> Mapping[str, Sequence[Key]]:
        return {}


source = Nobody()
