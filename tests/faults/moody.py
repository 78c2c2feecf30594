"""A sink that may store half of a batch, refuse rows, fail, or fall over, as a test tells it."""

from capture.sinks.base import Batch, Refusal, RowsRefused
from capture.sinks.memory import MemorySink


class MoodySink(MemorySink):
    """A memory sink with bad days.

    Attributes:
        poison: events refused for good; not those it holds already, for which it is asked first, as BigQuery is.
        lost: raised by the next deliveries, after everything was stored.
    """

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.poison: set[str] = set()
        self.lost: list[Exception] = []

    def deliver(self, batch: Batch) -> None:
        held = {document["event_id"] for document in self.batches.get(batch.label, [])}
        refused = {record.event_id for record in batch.records} & self.poison - held
        if refused:
            raise RowsRefused(
                {event_id: Refusal("no such thing", {"reason": "invalid"}) for event_id in refused}
            )
        super().deliver(batch)
        if self.lost:
            raise self.lost.pop()

    def forget(self) -> None:
        """As on the first day."""
        self.batches.clear()
        self.poison.clear()
        self.lost.clear()
        self._failures.clear()
