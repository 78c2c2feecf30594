"""Shoppers: threads that send events over HTTP, remember what was accepted, and try again what was not."""

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.calls import one_of_each

KINDS = ("search", "interaction", "cart", "order", "recommendation_impression")


def batch_of(prefix: str, number: int, count: int) -> list[dict[str, Any]]:
    """Events of all types whose ids say where they come from."""
    rounds = (one_of_each(session_id=f"visit-{prefix}") for _ in itertools.count())
    events = itertools.islice(itertools.chain.from_iterable(rounds), count)
    return [event | {"event_id": f"{prefix}-{number}-{place}"} for place, event in enumerate(events)]


@dataclass
class Shoppers:
    """Senders of batches to a web server whose port may change; every failed batch is sent again, ids and all."""

    port: Callable[[], int]
    key: str
    size: int = 10
    pause_seconds: float = 0.0
    answered: set[str] = field(default_factory=set)
    refusals: list[tuple[int, Any, Any]] = field(default_factory=list)
    failures: int = 0
    duplicates: int = 0

    def shop(self, name: str) -> Callable[[threading.Event], None]:
        """Sends until there is enough; gives up no batch."""

        def run(enough: threading.Event) -> None:
            for number in itertools.count():
                if enough.is_set():
                    return
                self.until_accepted(batch_of(name, number, self.size))
                time.sleep(self.pause_seconds)

        return run

    def until_accepted(self, events: list[dict[str, Any]], seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_accepted(events):
            assert time.monotonic() < deadline, f"not accepted after {seconds} s: {self.refusals[-1:]}"
            time.sleep(0.1 + random.random() / 10)  # noqa: S311

    def is_accepted(self, events: list[dict[str, Any]]) -> bool:
        try:
            status, headers, document = post(self.port(), self.key, {"events": events})
        except (OSError, http.client.HTTPException, ValueError):
            self.failures += 1
            return False
        if status != http.client.ACCEPTED:
            self.refusals.append((status, headers, document))
            return False
        assert document["accepted"] + document["duplicates"] == len(events), document
        self.duplicates += document["duplicates"]
        self.answered.update(event["event_id"] for event in events)
        return True


def post(port: int, key: str, body: Any, path: str = "/api/v1/events", **more: str) -> tuple[int, Any, Any]:
    """Status, headers and document of one POST; bytes are sent as they are."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"} | more
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # a server may answer before it has heard all
            connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        connection.close()
