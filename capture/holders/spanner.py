"""A person's part of the graph in Spanner: every row of theirs lies in one, and goes with it.

Invariants:
* Nobody who is being erased comes back: whoever writes a person reads in the same transaction what may be kept of them
  (`capture.sinks.spanner`), and from the fence on that is nothing.
* Nothing is gone because a deletion said so: `verify` reads every table again, as of that moment.
* By retention nothing is erased here: the copy follows what is remembered, which forgets by age itself.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from django.conf import settings

from capture.holders.failures import FAILURES, finding_of, told
from capture.holders.in_use import NotConfigured
from capture.models import Sink
from capture.sinks.google_accounts import ERASER, READER, VERIFIER
from privacy.holders import BaseHolder, Finding, Plan, Purged, Scope, Task

if TYPE_CHECKING:
    from capture.sinks.spanner import SpannerSink

NAME = "spanner"
SAID = {
    "Person": "You as the graph has you: when this was written, and what was inferred as far as you allow it.",
    "Viewed": "Products that you looked at: how often, when first and last, and what that still says.",
    "Clicked": "Products that you clicked or rated well, likewise.",
    "Added": "Products that you put into the cart, likewise.",
    "Bought": "Products that you bought, likewise.",
    "Removed": "Products that you took out of the cart again, likewise.",
    "Disliked": "Products that you rated low, likewise.",
    "FrequentlyBuys": "Products that you buy again and again, how often and how many.",
    "PrefersProduct": "How much you seem to like products.",
    "PrefersBrand": "How much you seem to like brands.",
    "PrefersCategory": "How much you seem to like shelves.",
    "BoughtWith": "Products that you bought together.",
    "ReorderCycle": "When you are expected to buy a product again.",
}


class SpannerHolder(BaseHolder):
    store = NAME
    title = "The graph memory, copied to where graphs are asked"

    def is_on(self) -> bool:
        """The sink's row is there before anybody's is: who writes people beside the outbox makes it first."""
        return bool(settings.ENABLE_SPANNER) or Sink.objects.filter(name=NAME).exists()

    def plan(self, scope: Scope) -> Plan:
        if scope.before:
            return Plan(0)
        with told(NAME, "Spanner"):
            return Plan(_rows(sink(READER), scope))

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        whole = sorted({str(task.scope.subject_id) for task in tasks if not task.scope.before})
        with told(NAME, "Spanner"):
            if whole:
                sink(ERASER).erase(whole)
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        if task.scope.before:
            return Finding.of(0)
        try:
            verifier = sink(VERIFIER)
            found, kept = _rows(verifier, task.scope), verifier.kept_for()
        except FAILURES as error:
            return finding_of(error)
        until = (task.purged_at or datetime.now(UTC)) + kept
        return Finding.of(found, None if found else until)

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        if scope.before:
            return
        with told(NAME, "Spanner"):
            reader = sink(READER)
            for table in reader.source.tables:
                for row in reader.rows_of(str(scope.subject_id), table):
                    yield f"{NAME}/{table.name}", msgspec.to_builtins(row)

    def fields(self) -> dict[str, str]:
        return {f"{NAME}/{table}": said for table, said in SAID.items()}


def sink(part: str) -> "SpannerSink":
    """
    Raises:
        NotConfigured: the settings do not say where it is.
    """
    options = settings.SPANNER_OPTIONS
    if not (options["project"] and options["instance"]):
        raise NotConfigured
    return _opened(tuple(sorted(options.items()))).acting(part)


@cache
def _opened(options: tuple[tuple[str, Any], ...]) -> "SpannerSink":
    from capture.sinks.spanner import SpannerSink  # only who uses it, or did, pays for the client

    return SpannerSink(**dict(options))


def _rows(reader: "SpannerSink", scope: Scope) -> int:
    return sum(len(reader.rows_of(str(scope.subject_id), table)) for table in reader.source.tables)
