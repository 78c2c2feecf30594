"""The stand-in served over HTTP, and Google's own client library talking to it."""

import dataclasses
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from leafloaf.stack import http
from leafloaf.stack.cloud_storage import api


def client_of(url: str) -> storage.Client:
    options = {"api_endpoint": url}
    return storage.Client(project="demo", credentials=AnonymousCredentials(), client_options=options)


def close(client: storage.Client) -> None:
    """After a 404 the library looks for the bucket from a thread of its own; let it end first."""
    for thread in threading.enumerate():
        if "_verify_existence_background" in thread.name:
            thread.join(60)
    client.close()


@dataclasses.dataclass(frozen=True)
class StandIn:
    """Where the stand-in answers and keeps its files, and its control routes."""

    url: str
    folder: pathlib.Path

    def tell(self, what: str, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/_standin/{what}", json=body, timeout=60)
        answer.raise_for_status()
        parsed: dict[str, Any] = answer.json()
        return parsed

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request as the wire has it, for what the client library does not let one send."""
        return requests.request(method, self.url + path, timeout=60, **options)


@pytest.fixture
def standin(tmp_path: pathlib.Path) -> Iterator[StandIn]:
    app, store = api.build(tmp_path / "data")
    with http.Server(app) as server:
        yield StandIn(server.url, tmp_path / "data")
    store.close()


@pytest.fixture
def client(standin: StandIn) -> Iterator[storage.Client]:
    client = client_of(standin.url)
    yield client
    close(client)


@pytest.fixture
def bucket(client: storage.Client) -> storage.Bucket:
    """As the shop's own: neither soft delete nor versions."""
    bucket = client.bucket("events")
    bucket.soft_delete_policy.retention_duration_seconds = 0
    created: storage.Bucket = client.create_bucket(bucket)
    return created


@pytest.fixture
def versioned(client: storage.Client) -> storage.Bucket:
    bucket = client.bucket("versioned")
    bucket.soft_delete_policy.retention_duration_seconds = 0
    bucket.versioning_enabled = True
    created: storage.Bucket = client.create_bucket(bucket)
    return created
