"""The sink that keeps everything in a list: for tests, benches and a look without any store."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from capture.records import learn
from capture.sinks.base import Acknowledged, BaseSink, Batch, Recount


class MemorySink(BaseSink):
    """Holds the documents of each batch it was given, in `batches`, and fails on request."""

    def __init__(self, **_: Any) -> None:
        self.batches: dict[str, list[dict[str, Any]]] = {}
        self._failures: list[Exception] = []

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every document, in the order of arrival of its batch."""
        return [document for batch in self.batches.values() for document in batch]

    def fail_next(self, *errors: Exception) -> None:
        """The next calls raise these, one each, before anything is stored."""
        self._failures.extend(errors)

    def deliver(self, batch: Batch) -> None:
        self.probe()
        held = self.batches.setdefault(batch.label, [])
        known = {document["event_id"] for document in held}
        learn(batch.records)
        held += [record.document(batch.label) for record in batch.records if record.event_id not in known]

    def probe(self) -> None:
        if self._failures:
            raise self._failures.pop(0)

    def recount(self, batches: Sequence[Acknowledged]) -> Mapping[str, Recount]:
        self.probe()
        return {batch.label: self._recounted(batch.label) for batch in batches}

    def _recounted(self, label: str) -> Recount:
        copies = Counter(document["event_id"] for document in self.batches.get(label, []))
        return Recount(len(copies), sum(count > 1 for count in copies.values()))
