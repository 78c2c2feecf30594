"""Faults: what the stores hold afterwards is what the log holds, once each."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from leafloaf.stack import redis_server
from leafloaf.stack.throwaway import EXISTING_DATABASE, throwaway_stack
from tests.config import application
from tests.faults import nursery
from tests.faults.shop import LEASE_SECONDS, Shop, opened_stores, wait_until
from tests.faults.web import Web
from tests.flows.conftest import stores

__all__ = ["stores"]


@pytest.fixture(scope="package")
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A stack and a database of these tests' own; the servers come back on the same data when killed."""
    if redis_server.find() is None:
        pytest.skip("there is no Redis server for this machine")
    if os.environ.get(EXISTING_DATABASE):
        pytest.skip(f"{EXISTING_DATABASE} names a Postgres that is not ours to kill")
    folder = tmp_path_factory.mktemp("faults")
    with throwaway_stack() as stack:
        environment = {**os.environ, **stack.environment, **application.QUIET, "PYTHONWARNINGS": ""}
        environment |= {"LEAFLOAF_VAR": str(folder), "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS)}
        environment |= {"WEB_WAIT_SECONDS": "60"}  # nobody is refused because the machine is slow
        with (
            nursery.nursery(environment, folder / "commands.log") as children,
            opened_stores(environment) as stores,
        ):
            children.run("migrate", "--no-input", "-v0")
            children.run("load_demo")
            yield Shop(stack, environment, children, stores)


@pytest.fixture
def shop(open_shop: Shop) -> Iterator[Shop]:
    """Empty but for the catalogue and the keys; every server answers."""
    for component in open_shop.stack.components.values():
        if not component.is_running():
            component.start()
    open_shop.empty()
    yield open_shop
    open_shop.nursery.clear()


@pytest.fixture(scope="package")
def open_web(open_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web server for all tests that leave it alive."""
    web = Web(open_shop, tmp_path_factory.mktemp("web") / "web.log")
    yield web
    web.kill()


@pytest.fixture
def web(shop: Shop, open_web: Web) -> Web:
    """Answering, on an empty log."""
    wait_until(open_web.is_ready, "the web server is ready")
    return open_web


@pytest.fixture
def mortal_web(shop: Shop, tmp_path: Path) -> Iterator[Web]:
    """A web server to be killed."""
    web = Web(shop, tmp_path / "web.log")
    yield web
    web.kill()
