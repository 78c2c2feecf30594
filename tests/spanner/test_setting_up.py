"""`setup_spanner` and `check_schema`: makes what is missing, says what it cannot mend, and repeats nothing."""

from datetime import timedelta
from io import StringIO

import grpc
import pytest
from django.core.management import CommandError, call_command
from google.api_core.exceptions import InvalidArgument
from pytest_django import Settings

from capture import schema_check, sinks
from capture.connection_tests import said_by
from capture.sinks import spanner_setup
from capture.sinks.base import Misconfigured, Unavailable
from capture.sinks.spanner import SpannerSink
from capture.sinks.spanner_setup import SchemaConflict
from personalization.graph_copy import tables
from tests.spanner import stores
from tests.spanner.server import Spanner

Own = tuple[Spanner, SpannerSink]


def set_up() -> list[str]:
    said = StringIO()
    call_command("setup_spanner", stdout=said)
    return said.getvalue().splitlines()


def test_twice_is_as_good_as_once(graph: SpannerSink) -> None:
    assert [line.partition(": ")[2] for line in set_up()[1:-1]] == ["as it should be"] * 17
    assert graph.differences(90) == []
    assert said_by("spanner") == ""


def test_the_emulator_knows_no_property_graph_which_is_said_and_stops_nothing(
    spanner_emulator: str,
) -> None:
    """Should this fail one day, it knows them: then the queries of docs/graph.md can be run on it."""
    sink = SpannerSink(**stores.options(f"http://{spanner_emulator}"))
    lines = spanner_setup.set_up(sink)
    assert lines[-1] == "GraphMemory: no property graph, for this server knows none; its tables are all there"
    assert lines[0].endswith(": made")
    with pytest.raises(
        InvalidArgument, match="Error parsing Spanner DDL statement: CREATE OR REPLACE PROPERTY"
    ):
        spanner_setup.change(sink, [tables.property_graph()])


def test_a_server_that_knows_property_graphs_is_given_one(own_graph: Own) -> None:
    own, sink = own_graph
    assert own.graphs == {"GraphMemory"}
    assert set_up()[-1] == "GraphMemory: a property graph over the tables, as it should be"
    own.graphs.clear()
    assert [str(one) for one in sink.differences(90)] == [
        "GraphMemory does not exist; run `manage.py setup_spanner`"
    ]


def test_what_is_missing_is_added_and_staff_are_told_until_then(own_graph: Own) -> None:
    own, _ = own_graph
    del own.tables["Viewed"]
    del own.tables["Product"].columns["brand"]
    own.tables["Bought"].policy = ""
    found = schema_check.run()
    assert sorted((one.table, one.column) for one in found) == [
        ("Bought", ""),
        ("Product", "brand"),
        ("Viewed", ""),
    ]
    lines = set_up()
    assert "Viewed: made" in lines
    assert "Product: column brand added" in lines
    assert "Bought: row deletion policy set" in lines
    assert schema_check.run() == []


def test_a_database_that_keeps_erased_rows_for_long_is_told(own_graph: Own) -> None:
    own, sink = own_graph
    own.kept = "1h"
    assert sink.differences(90) == []
    own.kept = "7d"
    assert [(one.column, one.difference) for one in sink.differences(90)] == [
        ("", "keeps what is erased for 7 days, 0:00:00, not 1:00:00 (version_retention_period)")
    ]


def test_emulator_and_double_answer_how_long_they_keep(graph: SpannerSink) -> None:
    assert graph.kept_for() == timedelta(hours=1)


def test_what_cannot_be_added_is_said_and_nothing_is_changed(own_graph: Own) -> None:
    own, sink = own_graph
    own.tables["Bought"].columns["strength"] = ("STRING(MAX)", True)
    del own.tables["Viewed"]
    with pytest.raises(CommandError, match=r"Bought\.strength is STRING"):
        set_up()
    with pytest.raises(SchemaConflict):
        spanner_setup.set_up(sink)
    assert "Viewed" not in own.tables


def test_a_database_that_is_not_there_and_a_server_that_is_away_fail_the_probe(
    own: tuple[Spanner, str],
) -> None:
    sink = SpannerSink(**stores.options(own[1]))
    with pytest.raises(Misconfigured, match="Table not found"):
        sink.probe()
    nobody = SpannerSink(**stores.options("http://127.0.0.1:9"))
    with pytest.raises(Unavailable):
        nobody.probe()
    with pytest.raises(Unavailable):
        spanner_setup.set_up(nobody)


def test_who_may_not_is_told(own: tuple[Spanner, str]) -> None:
    own[0].fail("GetDatabase", grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(Misconfigured):
        spanner_setup.set_up(SpannerSink(**stores.options(own[1])))


def test_googles_address_is_used_with_credentials_and_another_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPANNER_EMULATOR_HOST", "127.0.0.1:9")
    sink = SpannerSink("p", "i", "d")
    assert sink.channel is None
    assert sink.address is None
    assert SpannerSink("p", "i", "d", "https://spanner.example:443").address == {
        "api_endpoint": "spanner.example:443"
    }
    assert sink.database == "projects/p/instances/i/databases/d"


def test_it_is_not_among_the_sinks_of_a_shop_that_does_not_use_it(settings: Settings) -> None:
    assert settings.ENABLE_SPANNER is False
    assert "spanner" not in settings.SINKS
    assert not sinks.is_enabled("spanner")
