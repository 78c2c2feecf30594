"""Shoppers who search and click, for the tests of what is counted of them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from capture import ingest
from tests.calls import cart, interaction, search

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
AGO = timedelta(minutes=10)


def capture(*bodies: dict[str, Any], received_at: datetime = NOW - AGO) -> None:
    receipt = ingest.accept([json.dumps(body).encode() for body in bodies], received_at=received_at)
    assert not receipt.rejected


def searched(
    query: str = "oat milk", *, by: Iterable[object], at: datetime = NOW - AGO, **fields: Any
) -> list[str]:
    """One search for each visit that is named; returns their search ids."""
    ids = {str(uuid4()): str(visit) for visit in by}
    fields = {"results_count": 12, "response_time_ms": 20.0, "intent": "product_search"} | fields
    capture(
        *(search(query=query, session_id=visit, search_id=one, **fields) for one, visit in ids.items()),
        received_at=at,
    )
    return list(ids)


def clicked(search_id: str, *, at: datetime = NOW - AGO, **fields: Any) -> None:
    capture(interaction(search_id=search_id, **fields), received_at=at)


def put_into_cart(search_id: str, *, at: datetime = NOW - AGO, **fields: Any) -> None:
    capture(cart(search_id=search_id, **fields), received_at=at)
