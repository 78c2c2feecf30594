"""What every stand-in can be told by a test: a clock to move, faults to inject, requests to count.

    GET    /_standin/health
    POST   /_standin/faults    {"match": {"method": "POST", "path": "regex", "body": "regex"},
                                "times": 3, "after": 0, "action": ...}
    GET    /_standin/faults    and how often each matched and fired;  DELETE clears them
    POST   /_standin/clock     {"advance_seconds": 3600};             GET tells the time
    GET    /_standin/requests  the latest method, path, status;       DELETE clears them

An action is one of {"status": 503, "reason": "backendError", "headers": {}} (perhaps with "body"
and "content_type" in place of Google's error), {"delay_seconds": 1.5}, {"hang_up": true}, or
{"apply_then": one of these}, which applies the request first and disturbs only the answer.
These routes are ours, not Google's, and are never disturbed themselves.
"""

import collections
import dataclasses
import datetime as dt
import re
import threading
from typing import Any


class Clock:
    """Real time plus what tests have advanced it by; engines ask this and never the system."""

    def __init__(self) -> None:
        self._ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += dt.timedelta(seconds=seconds)


@dataclasses.dataclass(frozen=True)
class Action:
    """One disturbance: an answer of our own, a delay, a closed connection, or nothing."""

    status: int | None = None
    reason: str = "backendError"
    body: str | None = None
    content_type: str = "text/plain; charset=UTF-8"
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    delay_seconds: float = 0.0
    hang_up: bool = False


NOTHING = Action()


@dataclasses.dataclass
class Fault:
    """Disturbs the requests it matches: skips the first `after`, then fires `times` times."""

    method: str | None
    path: re.Pattern[str]
    body: re.Pattern[str] | None
    times: int
    after: int
    before_applying: Action
    after_applying: Action
    matched: int = 0
    fired: int = 0

    @classmethod
    def parse(cls, spec: dict[str, Any]) -> "Fault":
        """Read the JSON of `POST /_standin/faults`; an unknown word in it is a ValueError or TypeError."""
        unknown = spec.keys() - {"match", "times", "after", "action"}
        match = dict(spec.get("match", {}))
        action = dict(spec["action"])
        later = action.pop("apply_then", {})
        if later and action:
            raise ValueError("apply_then stands alone")
        method, path, body = match.pop("method", None), match.pop("path", ""), match.pop("body", None)
        if unknown or match:
            raise ValueError(f"unknown: {sorted(unknown | match.keys())}")
        return cls(
            method=method,
            path=re.compile(path),
            body=re.compile(body, re.DOTALL) if body else None,
            times=int(spec.get("times", 1)),
            after=int(spec.get("after", 0)),
            before_applying=Action(**action),
            after_applying=Action(**later),
        )

    def matches(self, method: str, path: str, body: str) -> bool:
        if self.method and self.method != method:
            return False
        return bool(self.path.search(path)) and (self.body is None or bool(self.body.search(body)))

    def fires(self) -> bool:
        """Count one matching request, and say whether this one is disturbed."""
        self.matched += 1
        if self.matched <= self.after or self.fired >= self.times:
            return False
        self.fired += 1
        return True

    def describe(self) -> dict[str, Any]:
        return {
            "match": {
                "method": self.method,
                "path": self.path.pattern,
                "body": self.body.pattern if self.body else None,
            },
            "times": self.times,
            "after": self.after,
            "matched": self.matched,
            "fired": self.fired,
        }


class Faults:
    """The faults in force, oldest first; at most one fires for a request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def describe(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.describe() for fault in self._faults]

    def draw(self, method: str, path: str, body: bytes) -> tuple[Action, Action]:
        """What to do to this request before and after it is applied."""
        with self._lock:
            text = body.decode("utf-8", "replace") if any(f.body for f in self._faults) else ""
            for fault in self._faults:
                if fault.matches(method, path, text) and fault.fires():
                    return fault.before_applying, fault.after_applying
        return NOTHING, NOTHING


class RequestLog:
    """The latest requests and how they were answered; status 0 is a connection we closed."""

    def __init__(self, size: int = 2000) -> None:
        self._ring: collections.deque[dict[str, Any]] = collections.deque(maxlen=size)

    def note(self, method: str, path: str, status: int) -> None:
        self._ring.append({"method": method, "path": path, "status": status})

    def recent(self) -> list[dict[str, Any]]:
        return list(self._ring)

    def clear(self) -> None:
        self._ring.clear()
