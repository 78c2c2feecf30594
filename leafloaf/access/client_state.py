"""What there is to do about an API client, from its rows alone. Knows no page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from leafloaf.access import keys, origins
from leafloaf.access.models import ApiClient, ApiKey

UNUSED = timedelta(days=90)
OLD = timedelta(days=365)
ENDS_SOON = timedelta(days=7)
STILL_USED = timedelta(days=1)
"""A key that was used so lately is one that somebody has not yet replaced."""
DEMO_LOOKUPS = frozenset(key[: keys.LOOKUP_LENGTH] for key in keys.DEMO_KEYS.values())


@dataclass(frozen=True)
class ToDo:
    """One thing to see to; `act` is the page of the admin where it is done."""

    sentence: str
    since: datetime | None
    act: str
    """`rotate`, `revoke` or `change`."""


@dataclass(frozen=True)
class KeyState:
    """One key and how it is."""

    key: ApiKey
    now: datetime

    @property
    def age(self) -> timedelta:
        return self.now - self.key.created_at

    @property
    def works(self) -> bool:
        return self.key.revoked_at is None and not (
            self.key.expires_at is not None and self.key.expires_at <= self.now
        )

    @property
    def is_ending(self) -> bool:
        return self.works and self.key.expires_at is not None

    @property
    def is_used_still(self) -> bool:
        return self.key.last_used_at is not None and self.now - self.key.last_used_at < STILL_USED

    @property
    def word(self) -> str:
        if self.key.revoked_at:
            return "revoked"
        if not self.works:
            return "expired"
        return "ending" if self.is_ending else "working"


@dataclass(frozen=True)
class ClientState:
    """One client, its keys, and what there is to do."""

    client: ApiClient
    keys: Sequence[KeyState]
    now: datetime

    @property
    def working(self) -> list[KeyState]:
        return [one for one in self.keys if one.works]

    @property
    def is_revoked(self) -> bool:
        return self.client.revoked_at is not None

    @property
    def is_demo(self) -> bool:
        return any(one.key.lookup in DEMO_LOOKUPS for one in self.keys)

    @property
    def last_used_at(self) -> datetime | None:
        return max((one.key.last_used_at for one in self.keys if one.key.last_used_at), default=None)

    @property
    def allows_any_origin(self) -> bool:
        return origins.ANY in self.client.allowed_origins

    @cached_property
    def to_do(self) -> list[ToDo]:
        """The most pressing first; nothing of a client that is revoked."""
        return [] if self.is_revoked else list(self._to_do())

    def _to_do(self) -> Iterator[ToDo]:
        if not self.working:
            ended = max(
                (one.key.expires_at or one.key.revoked_at or self.now for one in self.keys), default=None
            )
            yield ToDo("has no key that works", ended, "rotate")
            return
        yield from self._about_ends()
        lately = self.last_used_at or self.client.created_at
        if self.now - lately > UNUSED:
            yield ToDo("has not been used for 90 days", lately, "revoke")
        for one in self.working:
            if one.age > OLD and not one.is_ending:
                yield ToDo(f"has a key older than a year ({one.key})", one.key.created_at + OLD, "rotate")
        if self.allows_any_origin and not self.is_demo:
            yield ToDo("may be used by pages of every origin (*)", None, "change")

    def _about_ends(self) -> Iterator[ToDo]:
        has_lasting = any(not one.is_ending for one in self.working)
        for one in self.working:
            if one.key.expires_at is None or one.key.expires_at - self.now > ENDS_SOON:
                continue
            if has_lasting and one.is_used_still:
                yield ToDo(f"still uses a key that ends soon ({one.key})", one.key.last_used_at, "change")
            elif not has_lasting:
                yield ToDo(f"has only a key that ends soon ({one.key})", None, "rotate")


def of(client: ApiClient, known: Sequence[ApiKey], now: datetime) -> ClientState:
    return ClientState(client, [KeyState(key, now) for key in known], now)
