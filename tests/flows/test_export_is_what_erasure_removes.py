"""The duality: the rows that an export gives away are the rows that an erasure removes, in every store at once."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db.models import F

from capture.models import OutboxBatch
from personalization.aggregation import aggregates
from personalization.learning import learned
from privacy import exporting, holders, lookups
from privacy.erasure import requests
from privacy.exporting import making
from privacy.exporting.archive import encoder
from privacy.holders import Finding, Plan, Presence, Scope, Task
from privacy.models import Actor, PrivacyLink, StaffAccess, Subject
from tests.calls import Api, interaction, one_of_each, order, search
from tests.flows.stores import Stores, in_log
from tests.flows.test_every_event_arrives_once import run
from tests.personalization import grocery
from tests.privacy.calls import patch
from tests.standins import Standin

Rows = Counter[tuple[str, bytes]]
WORKED_OUT = {"inferred"}
"""Files of what is stored nowhere."""


@pytest.fixture
def warehouse(stores: Stores) -> Iterator[Standin]:
    """BigQuery, that lets go of streamed rows at once."""
    standin = Standin(settings.BIGQUERY_ENDPOINT)
    standin.hold_rows(0)
    learned.forget()
    grocery.stock()
    yield standin
    standin.hold_rows()
    learned.forget()


def use_everything(api: Api, user_id: str) -> None:
    """All that a person can do, so that every holder has something of them."""
    patch(api, {"features": {"price_tracking": True, "household_inference": True}}, user_id)
    visit = f"visit of {user_id}"
    api.send(search(session_id=visit), interaction(session_id=visit, product_id="apple"))
    api.send(*one_of_each(user_id=user_id, session_id=visit))
    api.send(*(order(user_id=user_id, order_id=f"{user_id} {number}") for number in range(3)))
    api.send(grocery.order("apple", "pear") | {"event_id": f"of {user_id}", "user_id": user_id})
    api.post("/api/v1/search", {"query": "milk", "user_id": user_id, "session_id": visit})
    listed = api.get("/api/v1/recommendations", **{"X-User-Id": user_id}).json()
    api.send(interaction(user_id=user_id, product_id="pear", context={"list_id": listed["list_id"]}))
    api.post("/api/v1/recommendations/dismissals", {"sku": "milk"}, **{"X-User-Id": user_id})
    for path in ("profile", "graph", "reorder", "suggest?q=mil"):
        assert api.get(f"/api/v1/{path}", **{"X-User-Id": user_id}).status_code == 200
    person = Subject.objects.get(user_id=user_id)
    StaffAccess.objects.create(subject_id=person.pk, actor="olive", page="profile", reason="They telephoned")
    lookups.open_for(user_id, "olive", "They telephoned")
    until = datetime.now(UTC) + timedelta(minutes=15)
    PrivacyLink.objects.create(token_hash=user_id.encode(), subject_id=person.pk, expires_at=until)
    exporting.ask(user_id)


def exported(scope: Scope) -> dict[str, Rows]:
    """What each holder gives away, as it would stand in the files."""
    return {
        name: Counter(
            (file, encoder.encode(row))
            for file, row in holders.get(name).export(scope)
            if file not in WORKED_OUT
        )
        for name in holders.enabled()
    }


def in_stores(stores: Stores) -> dict[str, Counter[str]]:
    """How often each event stands in each store, read by clients of the tests' own."""
    return {
        "events": in_log(),
        "cloud_storage": stores.in_cloud_storage(),
        "bigquery": stores.in_bigquery(),
    }


def event_ids(rows: Rows) -> Counter[str]:
    return Counter(json.loads(row)["event_id"] for _, row in rows.elements())


def erased(scope: Scope) -> dict[str, tuple[Plan, Finding]]:
    """All holders, in the order of the machine."""
    names = holders.enabled()
    tasks = {name: Task(scope, holders.get(name).plan(scope), datetime.now(UTC)) for name in names}
    for name in names:
        deadline = time.monotonic() + 60
        while holders.get(name).erase([tasks[name]])[0].again_at:
            assert time.monotonic() < deadline, f"{name} goes on waiting"
            time.sleep(0.1)
    return {name: (tasks[name].plan, holders.get(name).verify(tasks[name])) for name in names}


def drained() -> None:
    """Everything is delivered, and was so long ago."""
    run("drain", all=True)
    OutboxBatch.objects.update(delivered_at=F("delivered_at") - timedelta(hours=2))
    aggregates.count()


def test_what_is_exported_is_what_an_erasure_removes(warehouse: Standin, stores: Stores, secret: Api) -> None:
    for user_id in ("ann", "bob"):
        use_everything(secret, user_id)
    drained()
    ann, bob = (making.scope_of(Subject.objects.get(user_id=user_id)) for user_id in ("ann", "bob"))
    given, others = exported(ann), exported(bob)
    assert all(given[name] for name in holders.enabled() if name not in EMPTY), given

    stored = in_stores(stores)
    requests.open_for("ann", Actor.USER, timedelta(0))
    verdicts = erased(ann)

    assert {name: plan.rows for name, (plan, _) in verdicts.items()} == {
        name: rows.total() for name, rows in given.items()
    }
    assert {name: finding.presence for name, (_, finding) in verdicts.items()} == dict.fromkeys(
        holders.enabled(), Presence.ABSENT
    )
    for name, left in in_stores(stores).items():
        assert stored[name] - left == event_ids(given[name]), name
    assert exported(ann) == {name: Counter() for name in holders.enabled()}
    assert exported(bob) == others


EMPTY = {"aggregates", "staff", "training_exports"}
"""Holders that have no row of a person unless something is out of the ordinary."""
