"""Whoever erases is killed before and after everything it does: in the end it is as if nobody had been."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from capture import deliver, ledger
from privacy.models import Certificate, DeletionRequest
from tests.calls import Api
from tests.config import application
from tests.flows import everywhere
from tests.flows.canary import Canary, shop
from tests.flows.passing_time import until
from tests.flows.stores import Stores, in_log, opened
from tests.standins import Standin

REQUESTS = "/api/v1/privacy/deletion-requests"
OWN = ("id", "asked_at", "fenced_at", "purged_at", "verified_at", "kid")


@pytest.fixture
def stores(log: None) -> Iterator[Stores]:
    if not settings.REDIS_ENABLED:
        pytest.skip("there is no Redis server for this machine")
    found = opened()
    found.empty()
    yield found
    for client in (found.redis, found.storage, found.bigquery):
        client.close()


def asked(canary: Canary) -> DeletionRequest:
    answer = canary.call("POST", REQUESTS, {"cooling_off_hours": 0})
    return DeletionRequest.objects.get(pk=answer.json()["id"])


def said(request: DeletionRequest) -> dict[str, Any]:
    """The certificate without what is this request's own."""
    document = json.loads(Certificate.objects.get(request=request).document)
    return {name: value for name, value in document.items() if name not in OWN}


@pytest.mark.parametrize(("every", "least"), [(8, 8), pytest.param(1, 80, marks=pytest.mark.slow)])
def test_killed_at_every_boundary_it_ends_as_if_nobody_had_been(
    stores: Stores, secret: Api, tmp_path: Path, every: int, least: int
) -> None:
    shop()
    killed, spared = Canary(secret), Canary(secret)
    for canary in (killed, spared):
        canary.uses_everything()
    for name in settings.SINKS:
        deliver.drain(name, is_final=True)
    bigquery = Standin(settings.BIGQUERY_ENDPOINT)
    bigquery.advance(3600)  # nothing is in the streaming buffer any more
    wanted = everywhere.spellings(killed.secret) | everywhere.spellings(killed.subject_id.bytes)
    first = asked(killed)
    connection.close()
    eraser = application.begun(
        ["-m", "tests.faults.dying_eraser", str(tmp_path / "died_at"), str(every)],
        application.environment(tmp_path),
    )
    code, output = application.ended(eraser, 900)
    assert code == 0, output
    kills = int(output.split()[-1])
    print(f"{kills} kills")  # noqa: T201
    assert kills >= least, "it did not die often enough to prove anything"
    second = asked(spared)
    until(lambda: DeletionRequest.objects.get(pk=second.pk).state == "certified", bigquery)
    assert said(first) == said(second)
    assert everywhere.hits(stores, wanted) == []
    assert ledger.open_accounts(ledger.close()) == []
    assert len(in_log()) == 2, "an order each, which was nobody's from the beginning"
