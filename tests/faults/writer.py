"""A process that writes events as a request would, without the web; it may be killed at any moment."""

import itertools
import random
import time

import msgspec
from django.db import transaction

from tests.faults.load import batch_of


def run(name: str, size: str = "20", pause: str = "0.1", hold: str = "0", times: str = "") -> None:
    """Writes so many times, or for ever.

    Each transaction stays open for up to `hold` seconds, so that several of them commit out of order.
    """
    from capture import ingest

    chance = random.Random(name)  # noqa: S311 (not a secret)
    for number in range(int(times)) if times else itertools.count():
        with transaction.atomic():
            ingest.accept([msgspec.json.encode(event) for event in batch_of(name, number, int(size))])
            time.sleep(chance.uniform(0, float(hold)))
        time.sleep(float(pause))
