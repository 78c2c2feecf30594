"""Pages that are kept, with transactions that really commit: many at once, and rules that begin by the clock."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from capture import partitions
from capture.models import Event
from leafloaf.catalog.models import MerchandisingRule, Placement, Product
from leafloaf.lib import cache
from leafloaf.storefront import search
from tests.calls import Api
from tests.storefront.test_search_cache import ask, redis, where

__all__ = ["redis"]


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_begins_or_ends_is_seen_at_that_moment(publishable: Api) -> None:
    """Nothing is written then: the time itself changes the page."""
    partitions.ensure()
    for number in range(3):
        Product.objects.create(sku=f"m-{number}", name=f"Milk {number}")
    rule = MerchandisingRule.objects.create(name="Milk week", query="milk", action="pin")
    last = ask(publishable, "milk")["results"][-1]["sku"]
    Placement.objects.create(rule=rule, product=Product.objects.get(sku=last), position=1)
    for seconds in (1, 10, 60):  # as soon as there is time for both to ask before it
        begins = datetime.now(UTC) + timedelta(seconds=seconds)
        MerchandisingRule.objects.update(starts_at=begins)
        asked = [where(publishable, "milk") for _ in range(2)]
        if datetime.now(UTC) < begins:
            break
    assert asked == ["miss", "hit"]
    while datetime.now(UTC) < begins + timedelta(milliseconds=50):
        time.sleep(0.01)
    pinned = ask(publishable, "milk")
    assert (pinned["execution"]["cache"], pinned["results"][0]["sku"]) == ("miss", last)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_makes_the_page(
    publishable: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "WAITING_SECONDS", 30.0)
    monkeypatch.setattr(cache, "MAKING_SECONDS", 60.0)
    partitions.ensure()
    for number in range(5):
        Product.objects.create(sku=f"m-{number}", name=f"Milk number {number}")
    found, together, seen = search.find, threading.Barrier(6), []
    made = []

    def slow(*asked: Any) -> search.Found:
        made.append(asked)
        time.sleep(0.2)
        return found(*asked)

    def ask_together() -> None:
        together.wait()
        seen.append(ask(publishable, "milk"))
        connection.close()

    with patch.object(search, "find", slow):
        # Fewer than there are connections.
        threads = [threading.Thread(target=ask_together) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made) == 1
    assert sorted(answer["execution"]["cache"] for answer in seen) == ["hit"] * 5 + ["miss"]
    assert Event.objects.count() == 6
