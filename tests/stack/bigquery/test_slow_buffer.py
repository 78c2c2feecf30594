"""What an erasure relies on: how long streamed rows stay unchangeable, and that a job's name is taken once.

Sources: cloud.google.com/bigquery/docs/data-manipulation-language#limitations,
cloud.google.com/knowledge/kb/cannot-update-or-delete-over-bigquery-streaming-tables-000004334,
cloud.google.com/bigquery/docs/running-jobs#generate-jobid and
cloud.google.com/bigquery/docs/reference/rest/v2/datasets#Dataset (maxTimeTravelHours)."""

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.stack.bigquery.conftest import TODAY, StandIn, ask, event, stream

DELETE = f"DELETE FROM shop.events WHERE user_id = 'ann' AND {TODAY}"


def test_rarely_rows_stay_in_the_buffer_for_an_hour_and_a_half(
    standin: StandIn, client: bigquery.Client, events: bigquery.Table
) -> None:
    standin.tell("streaming_buffer", minutes=90)
    stream(client, events, event("1", user_id="ann"))
    standin.pass_time(minutes=89)
    assert client.get_table(events).streaming_buffer.estimated_rows == 1
    with pytest.raises(exceptions.BadRequest, match="would affect rows in the streaming buffer"):
        client.query_and_wait(DELETE)
    standin.pass_time(minutes=2)
    assert client.get_table(events).streaming_buffer is None
    assert client.query_and_wait(DELETE).num_dml_affected_rows == 1


def test_one_row_in_the_buffer_saves_all_that_the_statement_would_delete(
    standin: StandIn, client: bigquery.Client, events: bigquery.Table
) -> None:
    stream(client, events, event("old", user_id="ann"))
    standin.pass_time(minutes=31)
    stream(client, events, event("new", user_id="ann"))
    with pytest.raises(exceptions.BadRequest, match="streaming buffer"):
        client.query_and_wait(DELETE)
    assert {row["event_id"] for row in ask(client, f"SELECT event_id FROM shop.events WHERE {TODAY}")} == {
        "old",
        "new",
    }


def test_a_job_name_is_given_once_whatever_became_of_the_job(
    client: bigquery.Client, events: bigquery.Table
) -> None:
    stream(client, events, event("1", user_id="ann"))
    failed = client.query(DELETE, job_id="erase_0", job_retry=None)
    with pytest.raises(exceptions.BadRequest):
        failed.result(job_retry=None)
    with pytest.raises(exceptions.Conflict):
        client.query(DELETE, job_id="erase_0", job_retry=None)
    assert client.get_job("erase_0").state == "DONE"


def test_a_dataset_says_how_far_time_travel_goes(client: bigquery.Client) -> None:
    assert int(client.get_dataset("shop").max_time_travel_hours) == 168
    dataset = client.get_dataset("shop")
    dataset.max_time_travel_hours = 48
    client.update_dataset(dataset, ["max_time_travel_hours"])
    assert int(client.get_dataset("shop").max_time_travel_hours) == 48
