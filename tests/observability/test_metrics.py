"""`GET /metrics`: who may read it, and that it counts what happened, no more and no less, and tells of nobody."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from pytest_django import Settings

from capture import deliver, health, ledger
from capture.models import LedgerDay
from capture.sinks.base import BatchRefused, Misconfigured, Refusal, RowsRefused, Unavailable
from capture.sinks.memory import MemorySink
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.lib import database, metering
from leafloaf.observability import exposition
from leafloaf.storefront.instruments import STALE
from personalization.recommending import mishaps
from tests.access.matrix import routes
from tests.calls import Api, cart, interaction, one_of_each, search
from tests.observability.exposed import Exposed, key, read
from tests.outage import Outage

MOST_QUERIES = 15
MARK = "mkd7731"


@pytest.fixture
def api(transactional_db: None) -> Api:
    return Api(keys.create("Prometheus", ApiClient.Kind.SECRET), Client())


def risen(api: Api, act: Callable[[], Any], prefix: str) -> dict[Any, float]:
    before = read(api)
    act()
    return read(api).since(before, prefix)


def test_it_is_text_for_prometheus_whatever_was_asked_for(secret: Api) -> None:
    for accept in ("application/openmetrics-text;version=1.0.0", "text/plain", "*/*", "application/json"):
        answer = secret.get("/metrics", Accept=accept)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_it_needs_the_scope(secret: Api, publishable: Api) -> None:
    other = Api(keys.create("Other", ApiClient.Kind.SECRET, ["search", "events"]), Client())
    scraper = Api(keys.create("Scraper", ApiClient.Kind.SECRET, ["metrics"]), Client())
    assert [one.get("/metrics").status_code for one in (scraper, secret, other, publishable)] == [
        200,
        200,
        403,
        403,
    ]
    nobody = Client().get("/metrics")
    assert nobody.status_code == 401
    assert nobody.json()["code"] == "not_authenticated"


def test_while_the_database_is_away_it_says_so_and_tells_what_was_counted(api: Api, outage: Outage) -> None:
    assert read(api).value("leafloaf_database_up") == 1
    outage.begin()
    STALE.inc()
    told = read(api)
    assert told.values[key("leafloaf_database_up")] == 0
    assert told.value("leafloaf_searches_stale_total") >= 1
    assert "leafloaf_http_request_seconds_count" in told.names()
    assert not told.names() & {"leafloaf_sink_on", "leafloaf_people", "leafloaf_products"}


def test_a_database_that_goes_while_it_is_asked_is_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OperationalError("the connection is lost")

    suspected: list[bool] = []
    monkeypatch.setattr("leafloaf.catalog.gauges.read", gone)
    monkeypatch.setattr(database, "suspect", lambda: suspected.append(True))
    told = read(api)
    assert told.values[key("leafloaf_database_up")] == 0
    assert "leafloaf_sink_on" not in told.names()
    assert suspected


def test_a_key_that_cannot_be_looked_up_is_told_that_the_database_is_away(
    secret: Api, outage: Outage
) -> None:
    keys.forget()
    outage.begin()
    answer = secret.get("/metrics")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"]
    assert answer.json()["code"] == "database_away"


def test_a_batch_of_events_is_counted_by_type_and_outcome(api: Api) -> None:
    known = cart()
    bad = cart(quantity="many")
    api.send(known)

    def send() -> None:
        api.send(*one_of_each(), known, known | {"quantity": 7}, bad, {"event_type": "no such"})

    name = "leafloaf_events_total"
    accepted = {
        key(name, event_type=kind, outcome="accepted"): 1.0
        for kind in ("search", "interaction", "cart", "order", "recommendation_impression")
    }
    # The same id with other content is a duplicate's opposite: it is rejected.
    assert risen(api, send, name) == accepted | {
        key(name, event_type="cart", outcome="duplicate"): 1.0,
        key(name, event_type="cart", outcome="rejected"): 2.0,
        key(name, event_type="unknown", outcome="rejected"): 1.0,
    }


def test_faults_are_counted_by_code(api: Api) -> None:
    def send() -> None:
        api.send(cart(quantity=[]), cart(timestamp="2001-01-01T00:00:00Z"))

    assert risen(api, send, "leafloaf_event_faults_total") == {
        key("leafloaf_event_faults_total", code="invalid"): 1.0,
        key("leafloaf_event_faults_total", code="too_old"): 1.0,
    }


def test_an_event_of_a_person_is_measured_until_it_is_visible(api: Api) -> None:
    grown = risen(api, lambda: api.send(interaction(user_id="u1", session_id="s1")), "leafloaf_")
    assert grown[key("leafloaf_signal_lag_seconds_count")] == 1
    assert grown[key("leafloaf_graph_write_seconds_count")] >= 1


def test_a_search_is_counted_by_what_it_was_for_its_shopper(api: Api) -> None:
    def ask(user_id: str | None = None) -> None:
        assert api.post("/api/v1/search", {"query": "milk", "user_id": user_id}).status_code == 200

    assert risen(api, ask, "leafloaf_searches_total") == {
        key("leafloaf_searches_total", personalization="anonymous"): 1.0
    }
    assert risen(api, lambda: ask("u1"), "leafloaf_searches_total") == {
        key("leafloaf_searches_total", personalization="no_history"): 1.0
    }
    api.send(interaction(user_id="u1"))
    assert risen(api, lambda: ask("u1"), "leafloaf_searches_total") == {
        key("leafloaf_searches_total", personalization="applied"): 1.0
    }
    grown = risen(api, lambda: ask("u1"), "leafloaf_search_")
    stages = {"total", "search", "personalization", "recommendations", "capture"}
    assert {
        stage for stage in stages if grown[key("leafloaf_search_seconds_count", stage=stage)] == 1
    } == stages
    assert sum(value for (name, _), value in grown.items() if name == "leafloaf_search_cache_total") == 1
    recommended = [of for (name, of) in grown if name == "leafloaf_search_recommendations_total"]
    assert len(recommended) == 1


def test_requests_are_measured_by_route_method_and_class_of_answer(api: Api) -> None:
    def ask() -> None:
        api.get("/api/v1/products/NOT-THERE")
        api.get("/nothing/here")
        Client().get("/api/v1/suggest?q=org")
        api.client.generic("BREW", "/api/v1/suggest")

    name = "leafloaf_http_request_seconds_count"
    grown = risen(api, ask, name)
    assert grown == {
        key(name, route="api/v1/products/<path:sku>", method="GET", status="4xx"): 1.0,
        key(name, route="none", method="GET", status="4xx"): 1.0,
        key(name, route="api/v1/suggest", method="GET", status="4xx"): 1.0,
        key(name, route="api/v1/suggest", method="OTHER", status="4xx"): 1.0,
        key(name, route="metrics", method="GET", status="2xx"): 1.0,
    }
    codes = risen(api, ask, "leafloaf_problems_total")
    assert codes[key("leafloaf_problems_total", code="not_found")] == 2
    assert codes[key("leafloaf_problems_total", code="not_authenticated")] == 2


def test_limits_that_are_used_up_are_counted(api: Api, settings: Settings) -> None:
    busy = Api(keys.create(f"Busy {uuid4()}", ApiClient.Kind.SECRET), Client())
    settings.THROTTLES = settings.THROTTLES | {"search": "key=1/hour"}

    def ask() -> None:
        answers = [busy.get("/api/v1/suggest?q=org").status_code for _ in range(3)]
        assert answers.count(429) == 2

    grown = risen(api, ask, "leafloaf_")
    assert grown[key("leafloaf_throttled_requests_total", policy="search-key")] == 2
    assert grown[key("leafloaf_problems_total", code="too_many_requests")] == 2
    assert grown[key("leafloaf_limits_counted_total", store="redis")] >= 3


def test_deliveries_are_counted_by_what_became_of_them(memory: MemorySink, api: Api) -> None:
    def drain(*errors: Exception) -> dict[Any, float]:
        def act() -> None:
            api.send(cart(), cart())
            for error in errors:
                memory.fail_next(error)
            deliver.drain("memory")

        return risen(api, act, "leafloaf_sink_")

    def batches(outcome: str) -> Any:
        return key("leafloaf_sink_batches_total", sink="memory", outcome=outcome)

    def errors(name: str) -> Any:
        return key("leafloaf_sink_errors_total", sink="memory", error=name)

    def events(outcome: str) -> Any:
        return key("leafloaf_sink_events_total", sink="memory", outcome=outcome)

    grown = drain()
    assert (grown[batches("delivered")], grown[events("delivered")]) == (1, 2)
    assert grown[key("leafloaf_sink_delivery_seconds_count", sink="memory")] == 1
    assert grown[key("leafloaf_sink_event_lag_seconds_count", sink="memory")] == 1
    assert not any(name == "leafloaf_sink_errors_total" for name, _ in grown)
    refused = cart()
    api.send(refused)
    grown = drain(RowsRefused({refused["event_id"]: Refusal("no such column", {})}))
    assert (grown[events("refused")], grown[events("delivered")]) == (1, 2)
    assert (grown[errors("RowsRefused")], grown[key("leafloaf_sink_retries_total", sink="memory")]) == (1, 1)
    grown = drain(BatchRefused("not ever"))
    assert (grown[batches("blocked")], grown[errors("BatchRefused")]) == (1, 1)
    grown = drain(Misconfigured("no bucket"))
    assert (grown[batches("postponed")], grown[errors("Misconfigured")]) == (1, 1)
    assert grown[key("leafloaf_sink_failures", sink="memory")] == 1
    assert grown[key("leafloaf_sink_circuit_open", sink="memory")] == 1


def test_gauges_say_what_the_pages_say(memory: MemorySink, api: Api) -> None:
    api.send(*one_of_each())
    memory.fail_next(Unavailable("away"))
    deliver.drain("memory")
    health.take_readings()
    ledger.close()
    told = read(api)
    assert told.value("leafloaf_sink_waiting_events", sink="memory") == 5
    assert told.value("leafloaf_sink_health", sink="memory", state="degraded") == 1
    assert told.value("leafloaf_ledger_events", sink="memory", account="captured") == 5
    assert told.value("leafloaf_ledger_events", sink="memory", account="pending") == 5
    assert told.value("leafloaf_ledger_open_days", sink="memory") == 0
    assert told.value("leafloaf_log_horizon_read_timestamp_seconds") > 1.7e9
    LedgerDay.objects.update(captured=7)
    told = read(api)
    assert told.value("leafloaf_ledger_open_days", sink="memory") == 1
    assert told.value("leafloaf_ledger_open_events", sink="memory") == 2


def test_a_scrape_asks_few_questions_and_the_next_one_none(api: Api) -> None:
    api.send(*one_of_each(user_id="u1", session_id="s1"))
    read(api)
    exposition.forget()
    with CaptureQueriesContext(connection) as asked:
        exposition.text(exposition.Gauges())
    assert 9 <= len(asked) <= MOST_QUERIES, [one["sql"][:80] for one in asked]
    with CaptureQueriesContext(connection) as again:
        exposition.text(exposition.Gauges())
    assert len(again) == 0


def driven(api: Api) -> Exposed:
    """A session of somebody whose ids, words and address are marked, with everything that can go wrong."""
    who = {"user_id": f"user-{MARK}", "session_id": f"visit-{MARK}"}
    for _ in range(2):
        answer = api.post("/api/v1/search", {"query": f"{MARK} milk", **who})
        assert answer.status_code == 200
    api.send(*one_of_each(**who), search(query=MARK, **who))
    api.send(interaction(event_id=f"event-{MARK}", product_id=f"sku-{MARK}", metadata={MARK: MARK}, **who))
    api.send(cart(event_id=f"event-{MARK}", **{MARK: 1}), {"event_type": MARK}, cart(channel=MARK))
    named = {"X-User-Id": f"user-{MARK}"}
    for path in ("recommendations", "profile", "graph", "reorder", "privacy/settings", f"products/{MARK}"):
        api.get(f"/api/v1/{path}", **named)
    api.get(f"/api/v1/suggest?q={MARK}", **named)
    api.get(f"/{MARK}?{MARK}={MARK}", **{"X-Request-Id": f"request-{MARK}"})
    api.get(f"/api/v1/privacy/exports/{uuid4()}", **named)
    api.client.generic(MARK.upper(), f"/api/v1/{MARK}")
    Api(f"sk_{MARK}", Client()).get("/api/v1/profile")
    mishaps.note(mishaps.TIMEOUT)
    health.take_readings()
    ledger.close()
    return read(api)


def test_no_label_leads_to_anybody_or_holds_what_a_caller_wrote(api: Api) -> None:
    told = driven(api)
    assert MARK not in told.text.lower()
    subjects = [row[0] for row in rows("SELECT id::text FROM privacy_subject")]
    assert subjects
    assert not any(subject in told.text for subject in subjects)
    assert api.key not in told.text


def test_there_are_no_more_series_than_routes_and_words_of_our_own(api: Api) -> None:
    told = driven(api)
    for number in range(30):
        api.get(f"/api/v1/products/sku-{number}")
        api.get(f"/api/v1/{number}/{uuid4()}")
        api.send(cart(user_id=f"user-{number}"), {"event_type": f"kind-{number}"})
        api.client.generic(f"VERB{number}", "/api/v1/suggest")
    again = read(api)
    named = ("leafloaf_http_request_seconds_count", "leafloaf_events_total", "leafloaf_event_faults_total")
    for name in named:
        before = {of for found, of in told.values if found == name}
        after = {of for found, of in again.values if found == name}
        assert len(after - before) <= 2, (
            after - before
        )  # the method that there is not, and who asks for metrics
    assert again.labels("route") <= told.labels("route") | {
        *routes.walked(get_resolver().url_patterns),
        "none",
    }
    assert len(again.values) - len(told.values) < 100


def test_what_is_told_is_declared(api: Api) -> None:
    told = driven(api)
    plain = set(metering.declared)
    suffixes = ("_bucket", "_count", "_sum")
    for name in told.names():
        base = next((name.removesuffix(end) for end in suffixes if name.removesuffix(end) in plain), name)
        assert base in plain, name


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
