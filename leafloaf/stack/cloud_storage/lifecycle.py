"""Object lifecycle rules: whether they are well formed, and which object versions are due.

Source: https://cloud.google.com/storage/docs/lifecycle (Object Lifecycle Management). Google applies
rules within about a day; here they are applied when a test asks, at the test clock's time.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from leafloaf.stack.http import ApiError

Resource = Mapping[str, Any]

ACTIONS = {"Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"}


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An object version as the conditions see it."""

    resource: Resource
    is_live: bool
    newer_versions: int
    now: dt.datetime

    def is_older(self, field: str, days: Any) -> bool:
        moment = self.resource.get(field)
        aged = dt.timedelta(days=int(days))
        return moment is not None and self.now >= dt.datetime.fromisoformat(moment) + aged

    def is_before(self, field: str, date: str) -> bool:
        moment = self.resource.get(field)
        midnight = dt.datetime.fromisoformat(date).replace(tzinfo=dt.UTC)
        return moment is not None and dt.datetime.fromisoformat(moment) < midnight


CONDITIONS: dict[str, Callable[[Candidate, Any], bool]] = {
    "age": lambda c, days: c.is_older("timeCreated", days),
    "createdBefore": lambda c, date: c.is_before("timeCreated", date),
    "customTimeBefore": lambda c, date: c.is_before("customTime", date),
    "daysSinceCustomTime": lambda c, days: c.is_older("customTime", days),
    "daysSinceNoncurrentTime": lambda c, days: c.is_older("timeDeleted", days),
    "isLive": lambda c, wanted: c.is_live == wanted,
    "matchesPrefix": lambda c, prefixes: c.resource["name"].startswith(tuple(prefixes)),
    "matchesStorageClass": lambda c, classes: c.resource["storageClass"] in classes,
    "matchesSuffix": lambda c, suffixes: c.resource["name"].endswith(tuple(suffixes)),
    "noncurrentTimeBefore": lambda c, date: c.is_before("timeDeleted", date),
    "numNewerVersions": lambda c, count: c.newer_versions >= int(count),
}


def check(lifecycle: Mapping[str, Any]) -> None:
    """Refuse a rule with an unknown action, no condition, or a condition we would not honour."""
    for rule in lifecycle.get("rule", []):
        kind = rule.get("action", {}).get("type")
        if kind not in ACTIONS:
            raise ApiError(400, "invalid", f"Unknown lifecycle action: {kind!r}")
        if kind == "SetStorageClass" and not rule["action"].get("storageClass"):
            raise ApiError(400, "invalid", "SetStorageClass needs a storageClass.")
        condition = rule.get("condition") or {}
        if not condition:
            raise ApiError(400, "invalid", "A lifecycle rule needs at least one condition.")
        if unknown := sorted(condition.keys() - CONDITIONS.keys()):
            raise ApiError(400, "invalid", f"Unknown lifecycle conditions: {', '.join(unknown)}")
        if int(condition.get("age", 0)) < 0:
            raise ApiError(400, "invalid", "age must not be negative.")


def due(rules: Iterable[Mapping[str, Any]], candidate: Candidate) -> Mapping[str, Any] | None:
    """The action owed to an object version: a rule needs all its conditions, and Delete goes first."""
    actions = [
        rule["action"]
        for rule in rules
        if rule["action"]["type"] != "AbortIncompleteMultipartUpload"
        and all(CONDITIONS[name](candidate, value) for name, value in rule["condition"].items())
    ]
    return min(actions, key=lambda action: action["type"] != "Delete", default=None)
