"""A shop as in production on a throw-away stack: every store on, a catalogue, keys; Django knows it from here on."""

import io
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import django

from bench import stack
from bench.capacity.options import Options
from bench.privacy.shop import Shop
from bench.search import catalogues
from bench.stack import Stack
from leafloaf.stack import ports, services
from leafloaf.stack.process import Process
from leafloaf.stack.services import REPOSITORY

SETTINGS = "leafloaf.settings"
WEB_THREADS = 32
"""Of each web process, as shipped."""
LIMITS = "address=50000000/min, user=50000000/min, key=50000000/min"
LIMITED = ("SEARCH", "EVENTS", "RECOMMENDATIONS", "PRIVACY", "PRIVACY_WRITES")


@dataclass(frozen=True)
class Keys:
    publishable: str
    secret: str
    cookie: str = ""


@contextmanager
def opened(given: Options) -> Iterator[Shop]:
    with stack.started() as running:
        environment = {**running.redis.service.environment(), "DJANGO_SETTINGS_MODULE": SETTINGS}
        environment |= {"SEMANTIC_ENABLED": str(given.is_semantic).lower(), "OPENBLAS_NUM_THREADS": "1"}
        # One client asks what a thousand shoppers would: counting its requests is measured, refusing them is not.
        environment |= {f"THROTTLE_{name}": LIMITS for name in LIMITED}
        # In the smallest log one person is so large a share of it that somebody would be asked first.
        environment["ERASURE_LARGEST_SHARE"] = "1"
        folder, log = running.folder, running.log
        storage = services.cloud_storage(folder, ports.any_free(), log("cloud_storage"))
        warehouse = services.bigquery(folder, ports.any_free(), log("bigquery"), ports.any_free())
        running.component(storage)
        bigquery = running.component(warehouse)
        environment |= storage.environment() | warehouse.environment()
        os.environ |= running.environment | environment
        django.setup()
        set_up(running, given)
        yield Shop(running, environment, bigquery)


def set_up(running: Stack, given: Options) -> None:
    from django.core.management import call_command

    from bench.search.shop import called

    call_command("migrate", verbosity=0)
    file = catalogues.write(running.folder / "catalogue.csv", rows(given))
    call_command("load_catalogue", str(file), stdout=io.StringIO())
    if given.is_semantic:
        called("embed_catalogue")
    called("refresh_search")
    for command in ("setup_cloud_storage", "setup_bigquery"):
        asked = [sys.executable, "manage.py", command]
        done = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")


def rows(given: Options) -> Iterable[dict[str, str]]:
    """The catalogue that was asked for, else the real one where the data sets are, else the demo shop's."""
    from leafloaf.storefront.management.commands.load_demo import CATALOGUE

    if given.catalogue is None and given.data and (given.data / catalogues.OCADO).exists():
        return catalogues.ocado(given.data)
    return catalogues.cells(given.catalogue or CATALOGUE)


def keys() -> Keys:
    from leafloaf.access import keys as api_keys
    from leafloaf.access.models import ApiClient

    return Keys(
        api_keys.create("Capacity front end", ApiClient.Kind.PUBLISHABLE),
        api_keys.create("Capacity back end", ApiClient.Kind.SECRET),
    )


@contextmanager
def web(shop: Shop, more: Mapping[str, str] | None = None) -> Iterator[tuple[Process, int]]:
    """One process, as shipped, and its port."""
    process, port = shop.running.granian(
        "web",
        workers=1,
        threads=WEB_THREADS,
        settings=SETTINGS,
        environment=shop.environment | dict(more or {}),
    )
    try:
        yield process, port
    finally:
        shop.running.stop(process)
