"""Each service account may do with the graph what the code asks of it, and no more (see tests/deployment)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from capture import sinks
from capture.holders import spanner as holder_module
from capture.holders.spanner import SpannerHolder
from capture.sinks import spanner_setup
from capture.sinks.base import Acknowledged, Misconfigured
from capture.sinks.spanner import SpannerSink
from personalization.graph_copy import drawing
from privacy.holders import Presence, Scope, Task
from tests.calls import Api, interaction
from tests.conftest import memory_configuration
from tests.deployment import terraform
from tests.spanner import stores
from tests.spanner.server import Spanner
from tests.spanner.test_same_graph import batches, delivered, pseudonym

PARTS = ("reader", "eraser", "verifier")


def allowed(account: str) -> set[str]:
    return {one for one in terraform.permissions()[account] if one.startswith("spanner.")}


@pytest.fixture
def guarded(log: None, nothing_learned: None, settings: Settings, own: tuple[Spanner, str]) -> Spanner:
    """A server that refuses what is not in the lists, and a worker whose own account is the writer."""
    server, endpoint = own
    options: dict[str, Any] = stores.options(endpoint)
    server.is_made = True  # by Terraform, as the instance
    server.allowed = lambda account, permission: permission in allowed(account)
    spanner_setup.set_up(SpannerSink(**options, account="release"))
    options |= {"accounts": tuple((part, part) for part in PARTS), "account": "writer"}
    settings.ENABLE_SPANNER, settings.SPANNER_OPTIONS = True, options
    backend = "capture.sinks.spanner.SpannerSink"
    settings.SINKS = {"spanner": memory_configuration(BACKEND=backend, OPTIONS=options)}
    return server


def test_everything_that_the_code_does_is_allowed_and_nothing_else_is(guarded: Spanner, secret: Api) -> None:
    holder = SpannerHolder()
    secret.send(interaction(user_id="ann"), interaction(user_id="ben"))
    delivered()
    writer = sinks.get("spanner")
    assert isinstance(writer, SpannerSink)
    [batch] = batches()
    writer.deliver(batch)
    writer.probe()
    assert writer.differences(90) == []
    assert writer.recount([Acknowledged(batch.label, "", datetime.now(UTC).date(), 2, lambda: None)])
    assert drawing.draw() == 2
    task = Task(Scope(pseudonym("ann")), holder.plan(Scope(pseudonym("ann"))), datetime.now(UTC))
    assert [*holder.export(task.scope)]
    holder.erase([task])
    assert holder.verify(task).presence == Presence.ABSENT
    used = {
        account: {one for who, one in guarded.used if who == account}
        for account in (*PARTS, "writer", "release")
    }
    assert used == {account: allowed(account) for account in used}


def test_the_web_may_do_nothing_and_who_verifies_cannot_write(guarded: Spanner) -> None:
    assert allowed("web") == set()
    verifier = holder_module.sink("verifier")
    with pytest.raises(Misconfigured):
        verifier.erase(["nobody"])
    reader = holder_module.sink("reader")
    with pytest.raises(Misconfigured):
        reader.erase(["nobody"])
