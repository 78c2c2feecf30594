"""The whole stack as `make run` starts it, as in production: debug off, behind a proxy, limits on, every store on."""

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load.journeys import Product
from bench.load.sending import Keys
from bench.search import catalogues
from leafloaf.stack import ports
from leafloaf.stack.process import Process
from leafloaf.stack.services import REPOSITORY
from leafloaf.stack.throwaway import temporary_folder

SETTINGS = "bench.load.settings"
STAFF = "load-staff"


@dataclass
class Shop:
    folder: Path
    port: int
    process: Process
    keys: Keys
    products: list[Product]


@contextmanager
def opened(rows: Iterable[dict[str, str]], more: Mapping[str, str]) -> Iterator[Shop]:
    """With a catalogue, two clients and somebody of the staff; Django knows the stack from here on."""
    with temporary_folder() as temporary:
        folder = temporary / "var"  # `make run` has a lock of its own
        folder.mkdir()
        port = ports.any_free()
        variables = os.environ | environment(folder, port) | dict(more)
        ready = folder / "stack.json"
        log = folder / "make-run.log"
        process = Process(
            "make run",
            [sys.executable, "-m", "leafloaf.stack"],
            log,
            is_ready=ready.exists,
            environment=variables,
            folder=REPOSITORY,
            ready_seconds=600,
            stop_seconds=30,
        )
        try:
            process.start()
            process.wait_until_ready()
            variables |= addresses(folder)
            keys, products = set_up(folder, variables, catalogues.write(temporary / "catalogue.csv", rows))
            yield Shop(folder, port, process, keys, products)
        finally:
            process.stop()


def environment(folder: Path, port: int) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "LEAFLOAF_VAR": str(folder),
        "PORT": str(port),
        "DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "127.0.0.1",
        "BEHIND_TLS_PROXY": "true",
        "STAFF_TWO_FACTOR": "false",
        "LOG_LEVEL": "WARNING",
    }


def addresses(folder: Path) -> dict[str, str]:
    """What `make run` wrote down; an empty variable of whoever began this would hide it from the settings."""
    return dict(line.split("=", 1) for line in shlex.split((folder / "stack.env").read_text()))


def set_up(folder: Path, variables: Mapping[str, str], catalogue: Path) -> tuple[Keys, list[Product]]:
    commands = [["load_catalogue", str(catalogue)], ["collectstatic", "--no-input"]]
    if variables.get("SEMANTIC_ENABLED", "true") == "true":
        commands.append(["embed_catalogue"])
    for arguments in [*commands, ["refresh_search"]]:
        with (folder / "set-up.log").open("ab") as log:
            command = [sys.executable, "manage.py", *arguments]
            subprocess.run(command, cwd=REPOSITORY, env=variables, stdout=log, stderr=log, check=True)
    os.environ.update(variables)
    import django

    django.setup()
    from bench.load import standing  # needs the models

    return standing.keys(STAFF), standing.products()
