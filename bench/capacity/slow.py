"""A store that is far away: it takes every batch, after the time that the way there and back takes."""

import time

from capture.sinks.base import BaseSink, Batch

NAME = "slow"
ROUND_TRIP_SECONDS = 0.1
"""What a call to Google takes from another place, roughly; the stand-ins answer in a tenth of it."""
CONFIGURED = {
    "BACKEND": "bench.capacity.slow.SlowSink",
    "ENABLED": True,
    "BATCH_SIZE": 500,
    "MAX_AGE_SECONDS": 0.5,
    "OPTIONS": {},
}


class SlowSink(BaseSink):
    """Costs waiting and nothing else, so that a machine of few cores shows what many would."""

    def deliver(self, batch: Batch) -> None:
        time.sleep(ROUND_TRIP_SECONDS)

    def probe(self) -> None:
        return
