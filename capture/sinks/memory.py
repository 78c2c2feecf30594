"""The sink that keeps everything in a list: for tests, benches and a look without any store."""

from collections.abc import Sequence
from typing import Any

from capture.records import Record
from capture.sinks.base import BaseSink, Batch


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
        self.batches.setdefault(batch.label, self._documents(batch.label, batch.records))

    def probe(self) -> None:
        if self._failures:
            raise self._failures.pop(0)

    @staticmethod
    def _documents(label: str, records: Sequence[Record]) -> list[dict[str, Any]]:
        return [record.document(label) for record in records]
