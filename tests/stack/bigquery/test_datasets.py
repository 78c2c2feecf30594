"""Datasets. Source: cloud.google.com/bigquery/docs/reference/rest/v2/datasets and the pages cited below."""

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.stack.bigquery.conftest import Field, make_table


def test_a_dataset_can_be_created_found_listed_and_deleted(client: bigquery.Client) -> None:
    dataset = bigquery.Dataset("shop-1.second")
    dataset.location = "northamerica-northeast1"
    dataset.labels = {"team": "search"}
    client.create_dataset(dataset)

    assert [d.dataset_id for d in client.list_datasets()] == ["second", "shop"]
    found = client.get_dataset("second")
    assert (found.location, found.labels) == ("northamerica-northeast1", {"team": "search"})
    client.delete_dataset("second")
    with pytest.raises(exceptions.NotFound, match="Not found: Dataset shop-1:second"):
        client.get_dataset("second")


def test_creating_an_existing_dataset_is_a_conflict(client: bigquery.Client) -> None:
    with pytest.raises(exceptions.Conflict, match="Already Exists: Dataset shop-1:shop") as caught:
        client.create_dataset("shop")
    assert caught.value.errors[0]["reason"] == "duplicate"
    client.create_dataset("shop", exists_ok=True)


def test_a_dataset_is_changed_by_patch(client: bigquery.Client) -> None:
    """cloud.google.com/bigquery/docs/updating-datasets"""
    dataset = client.get_dataset("shop")
    dataset.description, dataset.labels = "what happened", {"team": "search"}
    client.update_dataset(dataset, ["description", "labels"])
    found = client.get_dataset("shop")
    assert (found.description, found.labels) == ("what happened", {"team": "search"})


def test_a_stale_etag_is_refused(client: bigquery.Client) -> None:
    """cloud.google.com/bigquery/docs/reference/rest (ETags and If-Match)"""
    stale = client.get_dataset("shop")
    fresh = client.get_dataset("shop")
    fresh.description = "first"
    client.update_dataset(fresh, ["description"])
    stale.description = "second"
    with pytest.raises(exceptions.PreconditionFailed):
        client.update_dataset(stale, ["description"])


def test_a_dataset_in_use_is_deleted_only_with_its_contents(client: bigquery.Client) -> None:
    """cloud.google.com/bigquery/docs/reference/rest/v2/datasets/delete (deleteContents)"""
    make_table(client, "t", Field("a", "STRING"))
    with pytest.raises(exceptions.BadRequest, match="still in use") as caught:
        client.delete_dataset("shop")
    assert caught.value.errors[0]["reason"] == "resourceInUse"
    client.delete_dataset("shop", delete_contents=True)
    assert list(client.list_datasets()) == []


def test_two_projects_do_not_see_each_other(client: bigquery.Client) -> None:
    client.create_dataset("shop-2.shop")
    assert [d.dataset_id for d in client.list_datasets("shop-2")] == ["shop"]
    client.delete_dataset("shop-2.shop")
    assert client.get_dataset("shop-1.shop").project == "shop-1"
