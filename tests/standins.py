"""How tests talk to a stand-in behind its API: faults, clock, requests."""

import json
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_disturbed = set["Standin"]()


def mend_all() -> None:
    """Every stand-in that was disturbed since, and is still there."""
    while _disturbed:
        with suppress(OSError):
            _disturbed.pop().mend()


@dataclass(frozen=True)
class Standin:
    """The control side of one stand-in."""

    address: str

    def fail(
        self, times: int = 1, after: int = 0, match: dict[str, str] | None = None, **action: Any
    ) -> None:
        """Disturbs the next matching requests of this test; see leafloaf/stack/standin.py for the actions."""
        _disturbed.add(self)
        self._call("POST", "faults", {"times": times, "after": after, "match": match or {}, "action": action})

    def mend(self) -> None:
        self._call("DELETE", "faults")

    def fired(self) -> int:
        """How often the faults in force have struck so far."""
        return sum(fault["fired"] for fault in self._call("GET", "faults")["faults"])

    def requested(self) -> list[str]:
        """Methods and addresses of the latest requests, each once asked for."""
        told = self._call("GET", "requests")["requests"]
        self._call("DELETE", "requests")
        return [f"{request['method']} {request['path']}" for request in told]

    def advance(self, seconds: float) -> None:
        self._call("POST", "clock", {"advance_seconds": seconds})

    def lose_rows(self, table: str, every: int) -> None:
        """Has BigQuery acknowledge every n-th row of a table and not store it; 0 loses none."""
        self._call("POST", "lose_rows", {"table": table, "every": every})

    def hold_rows(self, minutes: float = 30) -> None:
        """How long BigQuery keeps streamed rows where nothing can change them."""
        self._call("POST", "streaming_buffer", {"minutes": minutes})

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 (our own server)
            f"{self.address}/_standin/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")
