"""Recommendations over HTTP: from events that were sent to the answer and its log."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from personalization.aggregation import aggregates
from personalization.learning import learned
from personalization.models import Dismissal, Exposure
from privacy.models import Subject
from tests.calls import Api
from tests.personalization import grocery
from tests.personalization.grocery import USER, allow, buys
from tests.privacy.states import fence

URL = "/api/v1/recommendations"
DISMISSALS = f"{URL}/dismissals"


@pytest.fixture(autouse=True)
def shop(log: None) -> Iterator[None]:
    learned.forget()
    grocery.stock()
    buys("pear", "milk", user="another", days_ago=(2,))
    aggregates.count()
    yield
    learned.forget()


def asked(api: Api, query: str = "", user: str | None = USER, **headers: str) -> Any:
    named = {"X-User-Id": user} if user else {}
    response = api.get(f"{URL}{query}", **named, **headers)
    assert response.status_code == 200, response.content
    assert response["Cache-Control"] == "no-store"
    return response.json()


def skus(answer: Any) -> list[str]:
    return [item["sku"] for item in answer["items"]]


def test_an_order_sent_to_the_api_is_in_the_next_answer(secret: Api) -> None:
    secret.send(grocery.order("apple") | {"event_id": "e1", "user_id": USER})
    answer = asked(secret)
    item = answer["items"][0]
    assert set(answer) == {"items", "list_id", "model_version", "status"}
    assert (answer["status"], answer["model_version"]) == ("ok", None)
    assert item.pop("score") > 0
    [reason] = item.pop("reasons")
    assert reason.startswith("You bought this on ")
    assert item == {
        "sku": "apple",
        "name": "Apple",
        "brand": None,
        "category": "Produce > Fruit",
        "price": "2.00",
        "currency": "CAD",
        "dietary": ["vegan"],
        "supplier": None,
        "in_stock": True,
        "size": "",
        "source": "reorder",
    }


def test_the_answer_is_logged_under_its_list_id_and_the_pseudonym(secret: Api) -> None:
    buys("apple")
    answer = asked(secret)
    row = Exposure.objects.get()
    assert str(row.list_id) == answer["list_id"]
    assert row.subject_id == Subject.objects.get(user_id=USER).pk
    assert [item["sku"] for item in row.items] == skus(answer)
    assert [item["reasons"] for item in row.items] == [item["reasons"] for item in answer["items"]]


def test_nobody_and_who_does_not_allow_it_are_shown_what_is_popular_and_logged_as_nobody(secret: Api) -> None:
    buys("apple")
    allow(personalization_enabled=False)
    off, nobody = asked(secret), asked(secret, user=None)
    assert (off["status"], nobody["status"]) == ("off", "no_history")
    assert off["items"] == nobody["items"]
    assert skus(off)[:2] == ["milk", "pear"]
    assert list(Exposure.objects.values_list("subject_id", flat=True)) == [None, None]


def test_global_privacy_control_is_honoured_for_the_very_request(secret: Api) -> None:
    buys("apple")
    answer = asked(secret, "?cart=milk", **{"Sec-GPC": "1"})
    assert (answer["status"], skus(answer)[0]) == ("off", "pear")
    assert "milk" not in skus(answer)
    assert not {item["source"] for item in answer["items"]} - {"popular"}
    assert Exposure.objects.get().subject_id is None
    assert asked(secret)["status"] == "ok"


def test_the_cart_of_the_request_is_left_out(secret: Api) -> None:
    buys("apple", "banana")
    assert not {"apple", "milk"} & set(skus(asked(secret, "?cart=apple,%20milk,,unknown")))


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=101", "?limit=x", "?colour=red", "?cart=a%00", "?cart=" + "a," * 101]
)
def test_what_cannot_be_meant_is_refused(secret: Api, query: str) -> None:
    response = secret.get(f"{URL}{query}", **{"X-User-Id": USER})
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"


def test_only_who_may_ask_is_answered(publishable: Api) -> None:
    assert publishable.get(URL).status_code == 403
    narrow = Api(keys.create("Search only", ApiClient.Kind.SECRET, ["search"]), Client())
    assert narrow.get(URL).status_code == 403
    assert narrow.post(DISMISSALS, {"sku": "apple"}).status_code == 403
    assert Client().get(URL).status_code == 401


def test_a_dismissed_product_is_never_shown_until_it_is_taken_back(secret: Api) -> None:
    buys("apple", "milk")
    named = {"X-User-Id": USER}
    first = secret.post(DISMISSALS, {"sku": "apple"}, **named)
    again = secret.post(DISMISSALS, {"sku": "apple"}, **named)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "apple" not in skus(asked(secret))
    assert secret.get(DISMISSALS, **named).json() == {"items": [first.json()]}
    headers = {"Authorization": f"Bearer {secret.key}"} | named
    assert secret.client.delete(f"{DISMISSALS}/apple", headers=headers).status_code == 204
    assert secret.client.delete(f"{DISMISSALS}/apple", headers=headers).status_code == 404
    assert "apple" in skus(asked(secret))
    assert secret.get(DISMISSALS, **named).json() == {"items": []}


def test_who_was_never_seen_may_dismiss_too(secret: Api) -> None:
    response = secret.post(DISMISSALS, {"sku": "pear", "user_id": "new"})
    assert response.status_code == 201
    assert skus(asked(secret, user="new"))[0] == "milk"
    assert "pear" not in skus(asked(secret, user="new"))


def test_nothing_is_dismissed_for_who_is_being_erased(secret: Api) -> None:
    fence(USER)
    answer = secret.post(DISMISSALS, {"sku": "apple"}, **{"X-User-Id": USER})
    assert (answer.status_code, answer.json()["code"]) == (409, "being_erased")
    assert not Dismissal.objects.exists()


def test_a_dismissal_needs_a_user_and_a_product_that_there_is(secret: Api) -> None:
    assert secret.get(DISMISSALS).status_code == 422
    assert secret.post(DISMISSALS, {"sku": "apple"}).status_code == 422
    refused = secret.post(DISMISSALS, {"sku": "none"}, **{"X-User-Id": USER})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/sku"
    assert not Dismissal.objects.exists()
