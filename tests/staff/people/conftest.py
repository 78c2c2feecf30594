"""A person with a past, and a member of the staff who may look them up."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.learning import learned
from privacy import lookups
from privacy.models import LookupReason, PersonLookup
from tests.calls import cart, impression, interaction, search
from tests.personalization import grocery
from tests.staff.conftest import staff

USER = "marked-user-4711"
FIND = "/admin/people/"
OPEN = "/admin/people/open/"
OTHERS = ("scores", "reorders", "recommendations", "history", "memory")
NAMES = ("person", *(f"person_{name}" for name in OTHERS))
WORDS = "Bread did not come."


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    learned.forget()
    yield
    learned.forget()


@pytest.fixture
def olive(db: None) -> Client:
    """Of the support: may look people up, and nothing else."""
    return staff("olive", "privacy.lookup_person")


@pytest.fixture
def past(db: None) -> datetime:
    """Six weeks of shopping, milk and bread in each; what is told is the moment after."""
    grocery.stock()
    now = timezone.now()
    for week in range(6, 0, -1):
        at, visit = now - timedelta(days=7 * week - 1), f"visit {week}"
        unknown = search(query=f"fresh milk {week}", session_id=visit)
        grocery.send(unknown, user=None, at=at)
        grocery.send(
            search(query=f"oat drink {week}", session_id=visit, results_count=3),
            interaction(session_id=visit, product_id="milk", interaction_type="product_view"),
            cart(session_id=visit, product_id="milk"),
            impression(session_id=visit, product_ids=["milk", "apple"]),
            user=USER,
            at=at + timedelta(minutes=1),
        )
        bought = grocery.order("milk", "wheat-bread", session_id=visit)
        grocery.send(bought, user=USER, at=at + timedelta(minutes=9))
    return now


@pytest.fixture
def lookup(olive: Client, past: datetime) -> PersonLookup:
    return look_up()


def look_up(user: str = USER, by: str = "olive") -> PersonLookup:
    found = lookups.open_for(user, by, WORDS, LookupReason.ORDER)
    assert found
    return found


def page(client: Client, lookup: PersonLookup, name: str = "person", query: str = "") -> Any:
    return client.get(reverse(f"admin:{name}", args=[lookup.pk]) + query)


def body(client: Client, lookup: PersonLookup, name: str = "person", query: str = "") -> str:
    answer = page(client, lookup, name, query)
    assert answer.status_code == 200
    return str(answer.content.decode())
