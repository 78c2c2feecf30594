"""Counting what is in one basket with what, as the log grows.

Invariants:
* A batch of the log is counted in one statement, which ends with how far it came, in the transaction that moves the
  watermark: a run that is cut short has counted whole batches or nothing, and each once.
* Only events of transactions that are over are counted (below `pg_snapshot_xmin(pg_current_snapshot())`), in the
  order `(xid, id)`: nothing can appear behind the watermark. While the log is another cluster's nothing is counted.
* One at a time: everything that writes here takes the same advisory lock first, for one short transaction.
  Short, because a transaction that writes holds the horizon of the whole log.
* What is not to be known any more is not subtracted but never counted: a table that is dirty goes on serving until
  another, counted from the log as it is by then, takes its place. So nothing is left of it but what others did too.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from capture import rebase
from capture.models import Notice, Watermark
from leafloaf.lib import statements
from personalization.companions import companion_lists, meal_groups
from personalization.models import BasketItem, BasketTable

EVENTS_AT_ONCE = 10_000
PAIRS_AT_ONCE = 30_000
"""A third of a second of work."""
LARGEST_BASKET = 100
"""Of a longer order the first so many products count: what a caterer buys goes with everything."""
RETIRED_AT_ONCE = 50
CLOCK_MARGIN = timedelta(days=1)
"""How far `received_at` may run behind the order of transactions."""
LOCK = 5_003_001
"""Ours among the advisory locks of the database."""

TAKE_TURN = """
    SELECT pg_advisory_xact_lock(%s::bigint), set_config('synchronous_commit', 'off', true),
        set_config('jit', 'off', true), set_config('work_mem', '32MB', true),
        set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)
"""
"""A walk along the index of the log, even where Postgres knows nothing of a young partition yet. Nobody waits for the
disk: counts and watermark are lost together or not at all.
"""
AFTER = """
    (xid, id) > (%(xid)s::text::xid8, %(id)s::bigint) AND received_at >= %(since)s::timestamptz
"""
SLICE = f"""
    WITH walked AS MATERIALIZED (
        SELECT xid, id, received_at, CASE WHEN event_type = 'order' AND jsonb_typeof(payload->'items') = 'array'
            THEN least(jsonb_array_length(payload->'items'), %(largest)s::integer) ELSE 0 END AS lines
        FROM capture_event
        WHERE {AFTER} AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid, id LIMIT %(events)s::integer
    ), weighed AS (
        SELECT *, lines * (lines - 1) / 2 AS pairs, sum(lines * (lines - 1) / 2) OVER log AS sum,
            row_number() OVER log AS place
        FROM walked WINDOW log AS (ORDER BY xid, id ROWS UNBOUNDED PRECEDING)
    )
    SELECT xid::text::bigint, id, received_at, place < (SELECT count(*) FROM walked) OR place = %(events)s::integer
    FROM weighed WHERE sum - pairs < %(pairs)s::integer ORDER BY place DESC LIMIT 1
"""  # noqa: S608 (our own statement)
"""Where the next batch ends, and whether more lies behind it."""

# New items are told apart from known ones, for ON CONFLICT would use up a number for each that it only finds.
COUNT = f"""
    WITH bought AS (
        SELECT event.id AS basket, product.sku,
            1 << (hashtextextended(coalesce(subject_id::text, session_id, event_id), %(salt)s::bigint) & 31)::integer
                AS lot
        FROM capture_event AS event CROSS JOIN LATERAL (
            SELECT item->>'product_id' AS sku
            FROM jsonb_array_elements(CASE jsonb_typeof(payload->'items') WHEN 'array' THEN payload->'items' END)
                WITH ORDINALITY AS line (item, place)
            WHERE item->>'product_id' <> '' GROUP BY 1 ORDER BY min(place) LIMIT %(largest)s::integer
        ) AS product
        WHERE {AFTER} AND (xid, id) <= (%(last_xid)s::text::xid8, %(last_id)s::bigint) AND event_type = 'order'
    ), held AS MATERIALIZED (
        SELECT basket, lot, {BasketItem.Kind.PRODUCT.value}::smallint AS kind, sku AS key FROM bought
        UNION ALL
        SELECT DISTINCT basket, lot, {BasketItem.Kind.CATEGORY.value}::smallint, category.path
        FROM bought JOIN catalog_product AS product USING (sku)
            JOIN catalog_category AS category ON category.id = product.category_id
    ), tallied AS MATERIALIZED (
        SELECT kind, key, count(*) AS baskets FROM held GROUP BY kind, key
    ), raised AS (
        UPDATE personalization_basketitem AS known SET baskets = known.baskets + tallied.baskets, is_due = true
        FROM tallied
        WHERE (known.table_id, known.kind, known.key) = (%(table)s::integer, tallied.kind, tallied.key)
        RETURNING known.id, known.kind, known.key
    ), added AS (
        INSERT INTO personalization_basketitem (table_id, kind, key, baskets, is_due)
        SELECT %(table)s::integer, kind, key, baskets, true FROM tallied
        WHERE NOT EXISTS (
            SELECT FROM personalization_basketitem AS known
            WHERE (known.table_id, known.kind, known.key) = (%(table)s::integer, tallied.kind, tallied.key)
        )
        RETURNING id, kind, key
    ), numbered AS (
        SELECT basket, kind, lot, array_agg(id) AS ids
        FROM held JOIN (SELECT * FROM raised UNION ALL SELECT * FROM added) AS item USING (kind, key)
        GROUP BY basket, kind, lot
    ), paired AS (
        INSERT INTO personalization_itempair AS known (first_id, second_id, together, lots)
        SELECT first_id, second_id, count(*), bit_or(lot)
        FROM numbered, unnest(ids) AS first_id, unnest(ids) AS second_id WHERE first_id < second_id
        GROUP BY first_id, second_id ORDER BY first_id, second_id
        ON CONFLICT (first_id, second_id)
        DO UPDATE SET together = known.together + excluded.together, lots = known.lots | excluded.lots
    )
    UPDATE personalization_baskettable
    SET baskets = baskets + (SELECT count(DISTINCT basket) FROM held), last_id = %(last_id)s::bigint,
        last_received_at = %(last_received_at)s::timestamptz
    WHERE id = %(table)s::integer
"""  # noqa: S608 (our own statement)
FORGET = """
    WITH gone AS MATERIALIZED (
        SELECT id FROM personalization_basketitem WHERE table_id = %(table)s::integer LIMIT %(items)s::integer
    ), unpaired AS (
        DELETE FROM personalization_itempair USING gone WHERE first_id = gone.id
    ), unlisted AS (
        DELETE FROM personalization_itemcompanions USING gone WHERE item_id = gone.id
    )
    DELETE FROM personalization_basketitem AS item USING gone WHERE item.id = gone.id RETURNING item.id
"""


class Slice(NamedTuple):
    """The end of a batch of the log."""

    last_xid: int
    last_id: int
    last_received_at: datetime
    is_more_behind: bool


def run(seconds: float = 50) -> None:
    """Counts what has appeared, lists what has changed, and replaces a dirty table, for at most about so long."""
    end = time.monotonic() + seconds
    while step() and time.monotonic() < end:
        pass


def step() -> bool:
    """A few short transactions; whether there is more to do."""
    if Notice.objects.filter(kind=rebase.KIND).exists():
        return False
    _make_tables()
    kept = BasketTable.objects.exclude(state=BasketTable.State.RETIRED)
    is_more = [_advance(pk) for pk in kept.values_list("pk", flat=True)]
    return any([*is_more, _replace(), _forget()])


def mark_dirty() -> None:
    """The log has lost events, or is about to in the caller's transaction: every table is to be counted anew."""
    with _turn():
        BasketTable.objects.exclude(state=BasketTable.State.RETIRED).update(is_dirty=True)


def is_dirty() -> bool:
    """Whether anything is still stored that was counted from a log which has lost events since."""
    return BasketTable.objects.filter(is_dirty=True).exists()


def is_older(than: datetime) -> bool:
    """Whether anything is still stored of a count that began by then."""
    return BasketTable.objects.filter(started_at__lte=than).exists()


def renew(since: datetime) -> None:
    """Has every count that began by then followed by another, of what the log holds now.

    A count that is under way is not broken off: it would never come to an end while one person after another is
    erased. Whoever asks meanwhile shares the one after it, so the caller asks again until nothing is older.
    """
    states = BasketTable.State
    if BasketTable.objects.filter(state=states.BUILDING, is_dirty=False).exists():
        return
    if BasketTable.objects.filter(state=states.SERVING, is_dirty=False, started_at__lte=since).exists():
        mark_dirty()


@contextmanager
def _turn() -> Iterator[None]:
    with transaction.atomic():
        statements.fetch(TAKE_TURN, [LOCK])
        yield


def _make_tables() -> None:
    """One to serve or to become so; beside a dirty one another, and none that is dirty before it is done."""
    states = BasketTable.State
    with _turn():
        BasketTable.objects.filter(state=states.BUILDING, is_dirty=True).update(state=states.RETIRED)
        kept = {table.state: table for table in BasketTable.objects.exclude(state=states.RETIRED)}
        serving = kept.get(states.SERVING)
        if states.BUILDING not in kept and (serving is None or serving.is_dirty):
            salt = secrets.randbits(63)
            made = BasketTable.objects.create(salt=salt, shoppers_needed=settings.COMPLEMENTS_K)
            Watermark.objects.create(name=made.watermark)


def _advance(pk: int) -> bool:
    """Counts one batch and lists some companions; whether there is more."""
    with _turn():
        is_more = _count(pk)
    if not is_more or BasketTable.objects.filter(pk=pk, state=BasketTable.State.SERVING).exists():
        with _turn():
            is_more = companion_lists.refresh(pk) or is_more
    return is_more


def _count(pk: int) -> bool:
    table = BasketTable.objects.exclude(state=BasketTable.State.RETIRED).filter(pk=pk).first()
    if table is None:
        return False
    watermark = Watermark.objects.select_for_update().get(name=table.watermark)
    since = (table.last_received_at or datetime(1, 1, 2, tzinfo=UTC)) - CLOCK_MARGIN
    after = {
        "xid": str(watermark.xid),
        "id": table.last_id,
        "since": since,
        "largest": LARGEST_BASKET,
    }
    found = statements.fetch(SLICE, after | {"events": EVENTS_AT_ONCE, "pairs": PAIRS_AT_ONCE})
    if found:
        end = Slice(*found[0])
        last = {**end._asdict(), "last_xid": str(end.last_xid)}
        statements.fetch(COUNT, after | last | {"table": pk, "salt": table.salt})
        Watermark.objects.filter(name=table.watermark).update(xid=end.last_xid)
        if end.is_more_behind:
            return True
    BasketTable.objects.filter(pk=pk).update(counted_at=datetime.now(UTC))
    return False


def _replace() -> bool:
    """Lets a table serve that has everything and listed it; whether it did."""
    states = BasketTable.State
    with _turn():
        built = BasketTable.objects.filter(state=states.BUILDING, is_dirty=False, counted_at__isnull=False)
        table = built.first()
        if table is None or companion_lists.are_due(table.pk):
            return False
        BasketTable.objects.filter(state=states.SERVING).update(state=states.RETIRED)
        BasketTable.objects.filter(pk=table.pk).update(state=states.SERVING)
    return True


def _forget() -> bool:
    """Removes a piece of a table that serves no more, in the end the meals made of it; whether there was one."""
    with _turn():
        table = BasketTable.objects.filter(state=BasketTable.State.RETIRED).first()
        if table is None:
            return False
        if not statements.fetch(FORGET, {"table": table.pk, "items": RETIRED_AT_ONCE}):
            meal_groups.group()
            Watermark.objects.filter(name=table.watermark).delete()
            table.delete()
    return True
