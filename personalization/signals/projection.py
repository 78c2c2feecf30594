"""From events to what is remembered of a person, in the statement that stores the events.

Only new events of somebody who allows it count; each adds its marks to the product's and raises the profile's version.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from capture import arrays, events
from capture.validation import Checked
from personalization.signals import marks
from personalization.signals.marks import Signal
from privacy import consent

MOST_MARKS = 200
"""A product keeps the newest: a sum that needs more of them has long reached its cap of 1."""
MOST_PRICES = 50
LOW, HIGH = 2, 4
"""Stars: up to `LOW` a product is disliked, from `HIGH` on the rating says as much as a click."""

Mark = tuple[str, int, int | None]
"""The product, the mark, and the price paid."""


class ProfileProjection:
    """What `settings.PROJECTIONS` names."""

    sql = f"""
    signalled AS MATERIALIZED (
        SELECT stored.subject_id, place, given.product_id, given.mark, kind.is_order,
               CASE WHEN {consent.TRACKS_PRICES.format(subject="stored.subject_id")} THEN given.paid END AS paid
        FROM unnest((SELECT %(mark_places)s), %(mark_products)s, %(marks)s, %(mark_prices)s)
            AS given (place, product_id, mark, paid)
        JOIN stored USING (place), LATERAL (SELECT given.mark >> 56 = {Signal.PURCHASE:d}) AS kind (is_order)
        WHERE stored.subject_id IS NOT NULL
          AND {consent.PERSONALIZES.format(subject="stored.subject_id")}
          AND (NOT is_order OR {consent.KEEPS_PURCHASES.format(subject="stored.subject_id")})
    ), remembered AS (
        INSERT INTO personalization_producthistory AS kept (subject_id, product_id, marks, paid)
        SELECT subject_id, product_id, string_agg(int8send(mark), ''::bytea ORDER BY place),
               coalesce(string_agg(int8send(paid), ''::bytea ORDER BY place), ''::bytea)
        FROM signalled GROUP BY subject_id, product_id ORDER BY subject_id, product_id
        ON CONFLICT (subject_id, product_id) DO UPDATE SET
            marks = substring(kept.marks || excluded.marks
                FROM greatest(1, length(kept.marks) + length(excluded.marks) - {marks.BYTES * MOST_MARKS} + 1)),
            paid = substring(kept.paid || excluded.paid
                FROM greatest(1, length(kept.paid) + length(excluded.paid) - {marks.BYTES * MOST_PRICES} + 1))
    ), profiled AS (
        INSERT INTO personalization_profile AS kept (subject_id, version)
        SELECT subject_id, 1 FROM signalled GROUP BY subject_id ORDER BY subject_id
        ON CONFLICT (subject_id) DO UPDATE SET version = kept.version + 1, updated_at = now()
    )"""  # noqa: S608 (SQL of our own)

    def parameters(self, batch: Sequence[Checked]) -> dict[str, Any] | None:
        """The marks of all events that name somebody, and the places of their events."""
        found = [
            (place, *mark)
            for place, checked in enumerate(batch, 1)
            if checked.user_id
            for mark in of(checked.event, checked.occurred_at)
        ]
        if not found:
            return None
        places, products, numbers, prices = zip(*found, strict=True)
        return {
            "mark_places": arrays.bigints(places),
            "mark_products": arrays.texts(products),
            "marks": arrays.bigints(numbers),
            "mark_prices": arrays.bigints(prices),
        }


projection = ProfileProjection()


def of(event: events.Event, at: datetime) -> Iterator[Mark]:
    """What an event says of products."""
    match event:
        case events.Interaction():
            signal = _of_interaction(event)
            if signal is not None:
                yield event.product_id, marks.number(signal, at), None
        case events.Cart():
            signal = _of_cart(event)
            if signal is not None:
                yield event.product_id, marks.number(signal, at, event.quantity), None
        case events.Order():
            for item in event.items:
                if item.quantity:
                    paid = None if item.price is None else marks.paid_number(at, item.price)
                    yield item.product_id, marks.number(Signal.PURCHASE, at, item.quantity), paid


def _of_interaction(event: events.Interaction) -> Signal | None:
    if event.interaction_type == "rating":
        if event.rating is None or LOW < event.rating < HIGH:
            return None
        return Signal.DISLIKED if event.rating <= LOW else Signal.CLICK
    return Signal.VIEW if event.interaction_type == "product_view" else Signal.CLICK


def _of_cart(event: events.Cart) -> Signal | None:
    """A quantity changed to nothing is a removal; changed to something else it says nothing new."""
    if event.action == "remove" or (event.action == "update" and not event.quantity):
        return Signal.REMOVED
    return Signal.CART if event.action == "add" and event.quantity else None
