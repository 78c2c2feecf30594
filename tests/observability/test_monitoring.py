"""The rules and the dashboard of docs/monitoring ask for what there is, and say what to do."""

import json
import re
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from celery.states import ALL_STATES
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from capture import deliver, health, ledger, notices, rebase, sinks
from capture.models import HorizonReading, LedgerDay, OutboxBatch, Reading, SchemaDrift, UsageDay
from capture.sinks import bigquery_write
from capture.sinks.base import BatchRefused, Misconfigured
from capture.sinks.memory import MemorySink
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.lib import metering
from leafloaf.observability import reference
from personalization.models import LearnedVersion
from privacy.models import DataExport, DeletionRequest, RetentionNight
from tests.calls import Api, interaction, one_of_each
from tests.conftest import memory_configuration
from tests.docs.pages import Page
from tests.observability import promql
from tests.observability.exposed import read
from tests.outage import Outage

DOCS: Path = settings.BASE_DIR / "docs"
FOLDER = DOCS / "monitoring"
OUTSIDE = {"up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
"""Made by Prometheus itself, and by node_exporter."""
ALWAYS = {"le", "job", "instance", "fstype"}
SEVERITIES = {"critical", "warning", "info"}
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in RULES if "record" in rule}
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
VALUES = {"leafloaf_task_seconds.state": {state.lower() for state in ALL_STATES}}
"""Of labels that tell of what has happened, and of nothing beforehand."""
ILL = {
    ("leafloaf_notices", "kind", "default partition"),
    ("leafloaf_notices", "kind", rebase.KIND),
    ("leafloaf_notices", "kind", "waiting room"),
    ("leafloaf_sink_health", "state", "unhealthy"),
}
"""What is asked of gauges; `ill` makes each of them fire."""
APART = {
    "LeafLoafDoesNotAnswer",  # Prometheus itself says `up`
    "LeafLoafDatabaseIsAway",
    "LeafLoafWorkerIsSilent",
    "LeafLoafPredictionsAreOld",
}
"""What rows of an ill shop do not make fire; but for the first, tests of their own do."""
VARIABLES = {"$job": ".*", "$instance": ".*", "$sink": ".*"}


def asked_by_panels() -> dict[str, str]:
    found = {}
    for panel in PANELS:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for variable, value in VARIABLES.items():
                query = query.replace(variable, value)
            found[f"{panel['title']} {target['refId']}"] = query
    return found


QUERIES = {rule.get("alert") or rule["record"]: rule["expr"] for rule in RULES} | asked_by_panels()


def base_of(metric: str) -> str:
    """Of what a histogram tells, the histogram."""
    return re.sub("_(?:bucket|count|sum)$", "", metric)


def test_names_are_those_that_prometheus_wants() -> None:
    for one in reference.everything():
        assert re.fullmatch(r"leafloaf_[a-z0-9_]+", one.name)
        assert one.name.endswith("_total") == (one.kind == "counter")
        assert one.kind != "histogram" or one.name.endswith("_seconds")
        assert one.meaning.endswith(".")
        assert "|" not in one.meaning


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_can_be_parsed_and_asks_for_metrics_and_labels_that_there_are(name: str) -> None:
    reference.everything()
    asked = promql.metrics(QUERIES[name])
    assert asked
    for metric, labels in asked.items():
        if metric in OUTSIDE or metric in RECORDED:
            continue
        base = base_of(metric)
        known = metering.declared[metric if metric in metering.declared else base]
        assert (metric != base) == (known.kind == "histogram")
        assert labels <= {*known.labels, *ALWAYS}


def test_a_label_that_is_asked_for_by_its_value_is_one_that_there_is() -> None:
    """A misspelt outcome would never fire."""
    known: dict[str, set[str]] = {}
    reference.everything()
    for metric in metering.registry.collect():
        for sample in metric.samples:
            for label, value in sample.labels.items():
                known.setdefault(f"{metric.name}.{label}", set()).add(value)
    asked = [
        (base_of(name).removesuffix("_total"), label, value)
        for query in QUERIES.values()
        for name, label, value in re.findall(r'(leafloaf_\w+)\{(?:[^}]*,)?\s*(\w+)="([\w ]+)"', query)
    ]
    assert len(asked) > 10
    for name, label, value in asked:
        if values := VALUES.get(f"{name}.{label}") or known.get(f"{name}.{label}"):
            assert value in values, (name, label, value)
        else:  # read from the database, where there is none of it now
            assert (name, label, value) in ILL, "have `ill` bring it about"


def test_every_alert_says_how_bad_it_is_for_how_long_what_it_is_and_what_to_do() -> None:
    for rule in ALERTS.values():
        assert rule["labels"]["severity"] in SEVERITIES
        assert promql_parser.parse_duration(rule["for"]) is not None
        assert rule["annotations"]["summary"].endswith(".")
        page, _, anchor = rule["annotations"]["runbook"].removeprefix("docs/").partition("#")
        assert (DOCS / page).exists(), page
        assert not anchor or anchor in Page(DOCS / page).anchors(), anchor


def test_what_is_recorded_is_used_or_for_the_eye_and_named_as_such() -> None:
    for name in RECORDED:
        assert re.fullmatch(r"leafloaf:[a-z_]+:[a-z0-9]+", name)
    used = {metric for rule in ALERTS.values() for metric in promql.metrics(rule["expr"]) if ":" in metric}
    assert used <= set(RECORDED)


def test_the_founding_alarms_are_there_with_their_limits() -> None:
    assert "> 0.35" in ALERTS["LeafLoafSearchIsSlow"]["expr"]
    assert "< 0.8" in ALERTS["LeafLoafPredictionsMiss"]["expr"]
    assert "< 0.8" in ALERTS["LeafLoafFewSearchesArePersonal"]["expr"]
    assert "> 0.2" in ALERTS["LeafLoafGraphWritesAreSlow"]["expr"]
    assert "> 0.2" in ALERTS["LeafLoafSpannerWritesAreSlow"]["expr"]
    assert "> 0.01" in ALERTS["LeafLoafBigQueryErrors"]["expr"]
    buckets = set(metering.SECONDS)
    assert {0.2, 0.35} <= buckets  # where a limit lies between two, a quantile is a guess


def test_the_dashboard_has_panels_that_do_not_lie_on_each_other() -> None:
    numbers = [panel["id"] for panel in PANELS]
    assert len(set(numbers)) == len(numbers)
    covered: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & covered, panel["title"]
        covered |= cells


def test_every_panel_asks_the_chosen_data_source_and_has_a_unit() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in PANELS:
        if panel["type"] == "row":
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
    used = {
        name
        for text in (t["expr"] for p in PANELS for t in p.get("targets", ()))
        for name in re.findall(r"\$(\w+)", text)
    }
    assert used <= set(variables)


# --- What really is told, and what fires ------------------------------------------------------------------------


@pytest.fixture
def api(memory: MemorySink, settings: Settings) -> Api:
    """Beside the memory a sink of BigQuery's name, for what is told of that store only."""
    settings.SINKS = settings.SINKS | {"bigquery": memory_configuration()}
    settings.BIGQUERY_BUDGET_DOLLARS = 5.0
    return Api(keys.create("Prometheus", ApiClient.Kind.SECRET), Client())


def live(api: Api) -> None:
    """A shop in which a little of everything has happened."""
    api.send(*one_of_each(user_id="u1", session_id="s1"), interaction(user_id="u1"))
    api.post("/api/v1/search", {"query": "milk", "user_id": "u1"})
    for sink in ("memory", "bigquery"):
        deliver.drain(sink, is_final=True)
    HorizonReading.objects.all().delete()
    health.take_readings()
    ledger.close()
    now = datetime.now(UTC)
    RetentionNight.objects.create(ran_at=now, people=0)
    LearnedVersion.objects.create(
        made_at=now,
        lines=1,
        shoppers=1,
        products=1,
        days=1,
        is_learned=True,
        is_reorder_learned=True,
        content=b"",
        is_active=True,
        figures={"baskets": {"this fit": {"hits": 0.9, "recall": 0.3}}},
    )


def judged(api: Api, now: float | None = None) -> dict[str, bool]:
    """The alerts that one moment is enough to tell of, and whether each fires."""
    shown, found = read(api), {}
    for name, rule in ALERTS.items():
        with suppress(promql.NeedsHistory):
            found[name] = promql.fires(rule["expr"], shown, now or time.time())
    return found


def firing(api: Api, now: float | None = None) -> set[str]:
    return {name for name, fires in judged(api, now).items() if fires}


def test_all_metrics_of_rules_and_dashboard_are_told_by_a_shop_that_lives(api: Api) -> None:
    live(api)
    ill(api)
    names = read(api).names()
    wanted = {metric for query in QUERIES.values() for metric in promql.metrics(query)}
    rare = {  # of counts that tasks make over days, and tasks of a worker
        "leafloaf_task_seconds_bucket",
        "leafloaf_task_seconds_count",
        "leafloaf_searches_reported",
        "leafloaf_searches_without_results",
        "leafloaf_recommendations_7d",
        "leafloaf_activity_7d",
        "leafloaf_deletion_seconds_30d",
        "leafloaf_deletion_steps",
        "leafloaf_people_by_setting",
        "leafloaf_throttled_requests_total",
        "leafloaf_event_faults_total",
    }
    assert wanted - names - OUTSIDE - set(RECORDED) <= rare


def test_in_a_healthy_shop_nothing_fires(api: Api) -> None:
    live(api)
    assert firing(api) == set()


def test_full_batches_of_the_storage_write_api_alarm_nobody(api: Api) -> None:
    live(api)
    row = UsageDay.objects.create(
        day=datetime.now(UTC).date(),
        table_name="user_search_events",
        mode="storage_write",
        largest_rows=5_000,
        largest_bytes=bigquery_write.REQUEST_BYTES,
        busiest_streams=1_800,
    )
    assert firing(api) == set()
    row.busiest_streams = 7_000
    row.save()
    assert firing(api) == {"LeafLoafBigQueryNearsALimit"}


def test_when_the_worker_stops_that_is_told(api: Api) -> None:
    live(api)
    now = time.time()
    assert firing(api, now + 100) == set()
    assert firing(api, now + 31 * 3600) == {"LeafLoafRetentionIsNotEnforced", "LeafLoafWorkerIsSilent"}
    assert "LeafLoafPredictionsAreOld" in firing(api, now + 4 * 86400)


def test_a_worker_that_never_ran_is_told_and_not_for_the_database(api: Api, outage: Outage) -> None:
    assert firing(api) == {"LeafLoafWorkerIsSilent"}
    live(api)
    read(api)  # by which the key is known
    outage.begin()
    assert firing(api) == {"LeafLoafDatabaseIsAway"}


def ill(api: Api) -> None:
    """Everything is wrong that a row can say."""
    now = datetime.now(UTC)
    LedgerDay.objects.update(captured=99)
    OutboxBatch.objects.update(doubled=1)
    SchemaDrift.objects.create(sink="memory", table="t", difference="is missing", remedy="make it")
    memory = sinks.get("memory")
    assert isinstance(memory, MemorySink)
    for error in (BatchRefused("never"), Misconfigured("no")):
        api.send(*one_of_each())
        memory.fail_next(error)
        deliver.drain("memory", is_final=True)
    HorizonReading.objects.create(taken_at=now + timedelta(seconds=1), age_seconds=900, xid=1)
    Reading.objects.create(
        sink="memory",
        taken_at=now + timedelta(seconds=1),
        health="unhealthy",
        waiting=9,
        lag_seconds=500,
        delivered=1,
        dead=2,
    )
    notices.replace(rebase.KIND, ["From the future."])
    notices.replace("default partition", ["Events fell into it."])
    notices.replace("waiting room", ["One waits."])
    DeletionRequest.objects.create(user_hash=b"1" * 32, question="Really?", state="purging")
    old = DeletionRequest.objects.create(user_hash=b"2" * 32, state="purging")
    soon = DeletionRequest.objects.create(user_hash=b"3" * 32, state="purging")
    DeletionRequest.objects.filter(pk=old.pk).update(created_at=now - timedelta(days=4))
    DeletionRequest.objects.filter(pk=soon.pk).update(created_at=now - timedelta(hours=65))
    LearnedVersion.objects.update(figures={"baskets": {"this fit": {"hits": 0.5}}})
    RetentionNight.objects.update(ran_at=now - timedelta(days=2))
    dear = {"table_name": "cart_modification_events", "mode": "streaming", "billed_bytes": 10**11}
    UsageDay.objects.create(day=now.date() - timedelta(days=1), **dear)
    UsageDay.objects.create(day=now.date(), largest_rows=501, busiest_rows=90_000, **dear)
    client = ApiClient.objects.get()
    keys.add(client, expires_at=now + timedelta(days=3))
    DataExport.objects.create(subject_id=old.pk, created_at=now - timedelta(hours=2))


def test_in_an_ill_shop_every_alert_fires_that_one_moment_can_tell(api: Api) -> None:
    live(api)
    ill(api)
    assert {name for name, fires in judged(api).items() if not fires} == APART
    assert firing(api) == {
        "LeafLoafLedgerIsOpen",
        "LeafLoafStoreHoldsEventsTwice",
        "LeafLoafTablesDiffer",
        "LeafLoafCircuitIsOpen",
        "LeafLoafBatchesAreBlocked",
        "LeafLoafHorizonIsHeld",
        "LeafLoafStoreIsUnhealthy",
        "LeafLoafEventsWait",
        "LeafLoafDeadLetters",
        "LeafLoafBigQueryNearsALimit",
        "LeafLoafBigQueryRequestsAreLarge",
        "LeafLoafBigQueryBudget",
        "LeafLoafBigQueryWillBeTooDear",
        "LeafLoafLogIsAnotherClusters",
        "LeafLoafPartitionsAreMissing",
        "LeafLoafSearchesWaitForTheLog",
        "LeafLoafErasureIsDue",
        "LeafLoafErasureIsOverdue",
        "LeafLoafErasureAsksSomebody",
        "LeafLoafPredictionsMiss",
        "LeafLoafRetentionIsNotEnforced",
        "LeafLoafExportWaits",
        "LeafLoafKeyEnds",
    }
