"""What the pages of a person cost, of one with two thousand events."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from capture.models import Event
from leafloaf.catalog.models import Product
from leafloaf.lib import statements
from privacy.models import PersonLookup
from tests.calls import interaction, search
from tests.personalization import grocery
from tests.staff.people.conftest import OTHERS, USER

pytestmark = pytest.mark.django_db(transaction=True)

MOST = 15
BRACKETS = ("BEGIN", "COMMIT")


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prepared statements, which Django does not see."""
    asked: list[str] = []
    fetch = statements.fetch

    def counted(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        asked.append(query)
        return fetch(query, *parameters)

    monkeypatch.setattr(statements, "fetch", counted)
    return asked


@pytest.fixture
def busy(past: Any) -> None:
    Product.objects.bulk_create(Product(sku=f"p{number}", name=f"Product {number}") for number in range(130))
    for number in range(4):
        grocery.send(*(done(number, place) for place in range(500)), user=USER)


def done(number: int, place: int) -> dict[str, Any]:
    visit = f"s{number}.{place // 20}"
    if place % 5 == 0:
        return search(session_id=visit)
    return interaction(product_id=f"p{place % 130}", session_id=visit)


@pytest.mark.usefixtures("busy")
def test_no_page_takes_more_than_fifteen_queries_or_counts_the_log(
    olive: Client,
    lookup: PersonLookup,
    fetched: list[str],
    django_assert_max_num_queries: Callable[..., Any],
) -> None:
    event = Event.objects.filter(subject_id=lookup.subject_id).latest("id")
    names = ["", *(f"{name}/" for name in OTHERS), f"history/{event.pk}/"]
    for address in ["/admin/people/", *(f"/admin/people/{lookup.pk}/{name}" for name in names)]:
        olive.get(address)  # what a process reads once
        fetched.clear()
        with django_assert_max_num_queries(MOST) as caught:
            assert olive.get(address).status_code == 200
        asked = [one["sql"] for one in caught.captured_queries if one["sql"] not in BRACKETS] + fetched
        assert len(asked) <= MOST, (address, asked)
        assert not [sql for sql in asked if "count(" in sql.lower() and "capture_event" in sql]
