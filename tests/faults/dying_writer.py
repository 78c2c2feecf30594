"""Delivers to BigQuery through pending streams, and dies once at every boundary there is (kill -9 of itself).

    python -m tests.faults.dying_writer FILE EVERY

Each life is a child of this process: see `dying_eraser`. Of the calls' boundaries one in EVERY counts, of the promise's
and the settling's all do. Says how many died.
"""

import signal
import sys
from pathlib import Path
from typing import Any

import django

from tests.faults.dying_eraser import MOST_LIVES, child, mortal


def live(died_at: Path, every: int) -> None:
    """Delivers what is owed to BigQuery, or dies at a boundary that nobody has died at."""
    from capture import deliver
    from capture.sinks.bigquery_write_client import Writer

    def about(call: str) -> Any:
        def name(_: Writer, target: str, *rest: Any) -> str:
            return f"{call} {target.partition('/tables/')[2].partition('/')[0]}"

        return name

    for call in ("create", "append", "finalize", "commit"):
        setattr(Writer, call, mortal(getattr(Writer, call), about(call), died_at, every))
    for act in ("promise", "settle"):
        setattr(deliver, act, mortal(getattr(deliver, act), lambda *_, act=act: act, died_at, every=1))
    deliver.drain("bigquery", is_final=True)


def forget_leases() -> None:
    from capture.models import OutboxBatch, Sink

    long_ago = "2000-01-01T00:00:00Z"
    OutboxBatch.objects.filter(state="sending").update(leased_until=long_ago)
    OutboxBatch.objects.update(available_at=long_ago)
    Sink.objects.update(available_at=long_ago)


def is_owed() -> None:
    """Fails while a batch is not settled."""
    from capture.models import OutboxBatch

    if OutboxBatch.objects.filter(sink="bigquery").exclude(state="delivered").exists():
        raise LookupError("still owed")


def main() -> int:
    django.setup()
    from capture.sinks import bigquery  # noqa: F401 (imported once for every life)

    died_at, every = Path(sys.argv[1]), int(sys.argv[2])
    for _ in range(MOST_LIVES):
        ended = child(lambda: live(died_at, every))
        if ended not in {0, signal.SIGKILL} or child(forget_leases):
            return 1
        if ended == 0 and child(is_owed) == 0:
            print(len(died_at.read_text().splitlines()))  # noqa: T201
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
