"""The four servers that LeafLoaf stands on, as the embedded stack brings them.

Each says how to get ready, what to run, what is left to do once it answers, and which variables lead to it.
"""

import http.client
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from leafloaf.stack.process import Process

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Kind:
    """`address_variable` names a server that exists already; `switch` turns the whole thing off."""

    name: str
    title: str
    address_variable: str
    switch: str | None = None


POSTGRES = Kind("postgres", "Postgres", "DATABASE_URL")
REDIS = Kind("redis", "Redis", "REDIS_URL", "REDIS_ENABLED")
CLOUD_STORAGE = Kind(
    "cloud_storage", "Cloud Storage stand-in", "CLOUD_STORAGE_ENDPOINT", "CLOUD_STORAGE_ENABLED"
)
BIGQUERY = Kind("bigquery", "BigQuery stand-in", "BIGQUERY_ENDPOINT", "ENABLE_BIGQUERY")
KINDS = (POSTGRES, REDIS, CLOUD_STORAGE, BIGQUERY)
WRITE_ENDPOINT = "BIGQUERY_WRITE_ENDPOINT"
WRITE_PORT = "bigquery_write"
"""The name under which its port is remembered."""


class Service(Protocol):
    @property
    def address(self) -> str:
        """Without any password."""

    def prepare(self) -> None: ...

    def process(self) -> Process: ...

    def finish(self) -> None:
        """What can be done only once it answers."""

    def environment(self) -> dict[str, str]: ...


@dataclass(frozen=True)
class StandIn:
    """A stand-in for one of Google's services.

    Args:
        variables: what it adds beside its endpoint.
        arguments: what its command says beside port and folder.
    """

    kind: Kind
    folder: Path
    port: int
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)

    @property
    def data(self) -> Path:
        return self.folder / self.kind.name

    def process(self) -> Process:
        module = f"leafloaf.stack.{self.kind.name}"
        return Process(
            name=self.kind.name,
            command=[
                *(sys.executable, "-m", module, "--port", str(self.port), "--data", str(self.data)),
                *self.arguments,
            ],
            log=self.log,
            is_ready=lambda: answers(self.port, "/_standin/health"),
            folder=REPOSITORY,
        )

    def finish(self) -> None:
        return

    def environment(self) -> dict[str, str]:
        return {self.kind.address_variable: self.address, **self.variables}


def cloud_storage(folder: Path, port: int, log: Path) -> StandIn:
    variables = {"CLOUD_STORAGE_ENABLED": "true", "CLOUD_STORAGE_BUCKET": "leafloaf-user-data"}
    return StandIn(CLOUD_STORAGE, folder, port, log, variables)


def bigquery(folder: Path, port: int, log: Path, write_port: int) -> StandIn:
    """`write_port` is for its Storage Write API, over gRPC."""
    variables = {
        "BIGQUERY_WRITE_METHOD": "insert_all",
        WRITE_ENDPOINT: f"http://127.0.0.1:{write_port}",
        "ENABLE_BIGQUERY": "true",
        "BIGQUERY_PROJECT": "leafloaf-local",
        "BIGQUERY_DATASET": "leafloaf_analytics",
    }
    return StandIn(BIGQUERY, folder, port, log, variables, ("--write-port", str(write_port)))


def answers(port: int, path: str) -> bool:
    """200, whatever it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
