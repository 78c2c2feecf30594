"""A shop as it is in production, with every store: what is measured happens here."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import django

from bench import stack
from bench.personalization import crowd as shelves
from bench.stack import Stack
from leafloaf.stack import ports, services
from leafloaf.stack.services import REPOSITORY
from leafloaf.stack.throwaway import Component

SETTINGS = "leafloaf.settings"


@dataclass
class Shop:
    """What runs, the variables that lead there, and the stand-in for BigQuery, whose clock can be moved."""

    running: Stack
    environment: dict[str, str]
    bigquery: Component

    def later(self, seconds: float) -> None:
        """By BigQuery's clock alone."""
        body = json.dumps({"advance_seconds": seconds}).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.bigquery.address}/_standin/clock", body, headers)  # noqa: S310
        urllib.request.urlopen(asked, timeout=10).close()  # noqa: S310


@contextmanager
def opened() -> Iterator[Shop]:
    """Servers, tables, a catalogue, the stores set up; Django knows them from here on."""
    with stack.started() as running:
        environment = {**running.redis.service.environment(), "SEMANTIC_ENABLED": "false"}
        environment["DJANGO_SETTINGS_MODULE"] = SETTINGS
        components = {}
        for make in (services.cloud_storage, services.bigquery):
            service = make(running.folder, ports.any_free(), running.log(make.__name__))
            components[make.__name__] = running.component(service)
            environment |= service.environment()
        os.environ |= running.environment | environment | {"OPENBLAS_NUM_THREADS": "1"}
        django.setup()
        set_up(running)
        yield Shop(running, environment, components["bigquery"])


def set_up(running: Stack) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    file = shelves.catalogue(running.folder / "catalogue.csv")
    with (running.folder / "set_up.txt").open("w") as said:
        call_command("load_catalogue", str(file), stdout=said)
    for command in ("setup_cloud_storage", "setup_bigquery"):
        subprocess.run(
            [sys.executable, "manage.py", command], cwd=REPOSITORY, check=True, capture_output=True
        )


@dataclass
class Caller:
    """A back end with a secret key, on one connection."""

    port: int
    key: str
    connection: HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method: str, path: str, user: str, body: object = None) -> Any:
        """The document of a good answer."""
        headers = {
            "Authorization": f"Bearer {self.key}",
            "X-Forwarded-Proto": "https",
            "Content-Type": "application/json",
            "X-User-Id": user,
        }
        self.connection.request(
            method, f"/api/v1/{path}", None if body is None else json.dumps(body), headers
        )
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status in (200, 201, 202), (method, path, answer.status, text[:500])
        return json.loads(text)

    def knows(self, user: str) -> tuple[bool, bool]:
        """Whether recommendations, and the order of a search, are those of somebody known."""
        listed = self.ask("GET", "recommendations", user)
        found = self.ask("POST", "search", user, {"query": shelves.word(100), "recommendations": False})
        return listed["status"] != "no_history", found["personalization"]["applied"]


@contextmanager
def web(shop: Shop) -> Iterator[Caller]:
    """Workers and threads as shipped."""
    from leafloaf.access import keys
    from leafloaf.access.models import ApiClient

    key = keys.create("Bench privacy", ApiClient.Kind.SECRET)
    process, port = shop.running.granian(
        "web", workers=2, threads=4, settings=SETTINGS, environment=shop.environment
    )
    caller = Caller(port, key)
    try:
        yield caller
    finally:
        caller.connection.close()
        shop.running.stop(process)
