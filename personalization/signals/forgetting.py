"""What must not be remembered any more: at once when a person says so, and every night what has grown too old.

Invariants:
* What is left is what the settings allow at that moment, whoever asks and however often: the same statements serve a
  change of the settings and the night, and a run that broke off is simply run again.
* A profile's row stays and its version rises whenever something is forgotten. A version is never used twice, because
  pages are kept under it.
* Rows are locked profile first, people in order, as the statement that stores events does.
"""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from leafloaf.lib import statements
from personalization.signals import kept_copies
from personalization.signals.marks import BYTES, MARK, PAID, Signal
from privacy import consent
from privacy.consent import Consent

logger = logging.getLogger(__name__)

PEOPLE_AT_ONCE = 500
NARROWING = ("personalization_enabled", "purchase_history", "price_tracking", "household_inference")
"""The features whose memory is stored; what household inference says is stored in copies only, which go by versions."""

NEVER = "'\\xffffffff00'::bytea"
"""After every second that fits."""
SECOND = MARK.fields["second"][1] if MARK.fields else 0
"""Seconds are unsigned and big-endian, so bytes compare as the numbers that they are."""


def _kept(packed: str, size: int, second: int, since: str) -> str:
    """SQL for those of the packed things that are not older than `since`, in their order."""
    return f"""coalesce((
        SELECT string_agg(substring({packed} FROM {size} * n + 1 FOR {size}), ''::bytea ORDER BY n)
        FROM generate_series(0, length({packed}) / {size} - 1) AS n
        WHERE substring({packed} FROM {size} * n + {second + 1} FOR 4) >= {since}
    ), ''::bytea)"""  # noqa: S608 (SQL of our own)


OF_ITS_SIGNAL = f"rule.since[get_byte(kept.marks, {BYTES} * n) + 1]"
MARKS = _kept("kept.marks", BYTES, SECOND, OF_ITS_SIGNAL)
PAID_PRICES = _kept("kept.paid", PAID.itemsize, 0, "rule.paid_since")

RULES = f"""
    WITH person AS MATERIALIZED (
        SELECT subject_id, {consent.PERSONALIZES.format(subject="profile.subject_id")} AS personalizes,
               {consent.KEEPS_PURCHASES.format(subject="profile.subject_id")} AS keeps_purchases,
               {consent.TRACKS_PRICES.format(subject="profile.subject_id")} AS tracks_prices,
               {consent.KEEPS_DAYS.format(subject="profile.subject_id")} AS days
        FROM personalization_profile AS profile WHERE subject_id = ANY(%(people)s::uuid[])
    ), sinces AS MATERIALIZED (
        SELECT subject_id, tracks_prices, ARRAY(
            SELECT CASE WHEN NOT personalizes OR (place = {Signal.PURCHASE + 1} AND NOT keeps_purchases) THEN {NEVER}
                        WHEN days < {consent.DEFAULTS.data_retention_days}
                        THEN substring(int8send(greatest(second, %(now)s::bigint - days * 86400)) FROM 5 FOR 4)
                        ELSE substring(int8send(second) FROM 5 FOR 4) END
            FROM unnest(%(since)s::bigint[]) WITH ORDINALITY AS memory (second, place) ORDER BY place
        ) AS since FROM person
    ), rule AS MATERIALIZED (
        SELECT subject_id, since,
               CASE WHEN tracks_prices THEN since[{Signal.PURCHASE + 1}] ELSE {NEVER} END AS paid_since
        FROM sinces
    )"""  # noqa: S608 (SQL of our own)
"""For each person: from which second on each signal is remembered, and prices paid.

The default of the days is not a person's wish but the shop's; only who asked for fewer has signals forgotten sooner
than their memory.
"""
FORGETTABLE = f"""(
    EXISTS (SELECT FROM generate_series(0, length(kept.marks) / {BYTES} - 1) AS n
            WHERE substring(kept.marks FROM {BYTES} * n + {SECOND + 1} FOR 4) < {OF_ITS_SIGNAL})
    OR EXISTS (SELECT FROM generate_series(0, length(kept.paid) / {PAID.itemsize} - 1) AS n
               WHERE substring(kept.paid FROM {PAID.itemsize} * n + 1 FOR 4) < rule.paid_since))"""  # noqa: S608
CONCERNED = f"""{RULES}
    SELECT subject_id FROM rule WHERE EXISTS (
        SELECT FROM personalization_producthistory AS kept
        WHERE kept.subject_id = rule.subject_id AND {FORGETTABLE})
    ORDER BY subject_id"""  # noqa: S608 (SQL of our own)
LOCK = """
    SELECT subject_id FROM personalization_profile WHERE subject_id = ANY(%(people)s::uuid[])
    ORDER BY subject_id FOR UPDATE"""
RAISE = """
    UPDATE personalization_profile SET version = version + 1, updated_at = now()
    WHERE subject_id = ANY(%(people)s::uuid[])"""
# Told twice whom it is about, Postgres goes by the index and not through the whole table.
THIN = f"""{RULES}
    UPDATE personalization_producthistory AS kept SET marks = {MARKS}, paid = {PAID_PRICES}
    FROM rule
    WHERE kept.subject_id = rule.subject_id AND kept.subject_id = ANY(%(people)s::uuid[]) AND {FORGETTABLE}"""  # noqa: S608 (SQL of our own)
DROP = """
    DELETE FROM personalization_producthistory
    WHERE subject_id = ANY(%(people)s::uuid[]) AND length(marks) = 0"""
NEXT = """
    SELECT subject_id FROM personalization_profile
    WHERE %(after)s::uuid IS NULL OR subject_id > %(after)s::uuid ORDER BY subject_id LIMIT %(most)s"""


def listen(subject_id: UUID, before: Consent, after: Consent) -> None:
    """What `settings.PRIVACY_LISTENERS` names: forgets, in the transaction of the change, what it does not allow."""
    is_narrower = after.data_retention_days < before.data_retention_days or any(
        getattr(before, feature) and not getattr(after, feature) for feature in NARROWING
    )
    if is_narrower:
        forget([subject_id], timezone.now())
        transaction.on_commit(partial(kept_copies.drop, subject_id), robust=True)


def forget_old(now: datetime | None = None, at_once: int = PEOPLE_AT_ONCE) -> int:
    """Goes through everybody, so many at once and each lot in a transaction; the number of people concerned."""
    now, concerned = now or timezone.now(), 0
    for people in _lots(at_once):
        with transaction.atomic():
            if some := [row[0] for row in statements.fetch(CONCERNED, _given(people, now))]:
                forget(some, now)
                concerned += len(some)
    logger.info("Old signals of %d people are forgotten.", concerned)
    return concerned


def forget(people: Iterable[UUID], now: datetime) -> None:
    """Removes what these people do not allow, or not any more, inside the caller's transaction."""
    given = _given(people, now)
    statements.fetch(LOCK, given)
    for statement in (RAISE, THIN, DROP):
        statements.fetch(statement, given)


def _given(people: Iterable[UUID], now: datetime) -> dict[str, Any]:
    since = [_second(now - timedelta(days=days)) for days in _memories()]
    return {"people": list(people), "now": _second(now), "since": since}


def _memories() -> list[float]:
    """For how many days each signal is remembered; one that says nothing is kept as long as any, for it may again."""
    days = {name: signal["days"] for name, signal in settings.SIGNALS.items()}
    longest = max(days.values(), default=0.0)
    return [days.get(signal.name.lower(), longest) for signal in Signal]


def _second(at: datetime) -> int:
    return max(int(at.timestamp()), 0)


def _lots(at_once: int) -> Iterator[list[UUID]]:
    """All who have a profile, in order; who comes meanwhile has nothing old."""
    after = None
    while people := [row[0] for row in statements.fetch(NEXT, {"after": after, "most": at_once})]:
        yield people
        after = people[-1]
