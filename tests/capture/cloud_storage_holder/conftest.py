from collections.abc import Iterator

import pytest
from pytest_django import Settings

from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture.cloud_storage_holder.bucket import configure
from tests.capture.stores import CloudStorageStore
from tests.standins import Standin


@pytest.fixture
def store(log: None, stack: ThrowawayStack, settings: Settings) -> Iterator[CloudStorageStore]:
    """An empty bucket as the only sink, and an empty log."""
    environment = stack.environment
    opened = CloudStorageStore(environment["BIGQUERY_PROJECT"], environment["CLOUD_STORAGE_ENDPOINT"])
    configure(settings, opened.sink)
    yield opened
    for blob in opened.sink.client.list_blobs(opened.sink.bucket_name, versions=True):
        blob.delete()
    opened.clean()


@pytest.fixture
def standin(stack: ThrowawayStack) -> Iterator[Standin]:
    control = Standin(stack.environment["CLOUD_STORAGE_ENDPOINT"])
    yield control
    control.mend()
