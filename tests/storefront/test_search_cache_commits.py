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
    now = datetime.now(UTC)
    rule = MerchandisingRule.objects.create(
        name="Milk week", query="milk", action="pin", starts_at=now + timedelta(seconds=1)
    )
    last = ask(publishable, "milk")["results"][-1]["sku"]
    Placement.objects.create(rule=rule, product=Product.objects.get(sku=last), position=1)
    assert [where(publishable, "milk") for _ in range(2)] == ["miss", "hit"]
    time.sleep(max(0.0, 1.05 - (datetime.now(UTC) - now).total_seconds()))
    pinned = ask(publishable, "milk")
    assert (pinned["execution"]["cache"], pinned["results"][0]["sku"]) == ("miss", last)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_makes_the_page(publishable: Api) -> None:
    partitions.ensure()
    for number in range(5):
        Product.objects.create(sku=f"m-{number}", name=f"Milk number {number}")
    found, together, seen = search.find, threading.Barrier(8), []
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
        threads = [threading.Thread(target=ask_together) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made) == 1
    assert sorted(answer["execution"]["cache"] for answer in seen) == ["hit"] * 7 + ["miss"]
    assert Event.objects.count() == 8
