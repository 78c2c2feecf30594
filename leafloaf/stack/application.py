"""LeafLoaf's own processes, and the commands that must have run before them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from leafloaf.stack.postgres import APPLICATION
from leafloaf.stack.process import Process
from leafloaf.stack.services import REPOSITORY, answers
from leafloaf.stack.surroundings import is_asked_for, is_on


@dataclass(frozen=True)
class Application:
    """The processes of one `make run`; its commands may run side by side where they are in one list.

    `owner_url` leads to an embedded database as the role that set it up, who migrates and protects the audit; of a
    server of the user's own nothing is known but the application's role.
    """

    var: Path
    port: int
    owner_url: str = ""
    web_threads: str = "32"

    def log(self, name: str) -> Path:
        return self.var / "log" / f"{name}.log"

    def setup_commands(self, environment: Mapping[str, str]) -> list[Process]:
        commands = [self.migrate()]
        if is_on(environment, "CLOUD_STORAGE_ENABLED"):
            commands.append(self.command("setup_cloud_storage"))
        if is_on(environment, "ENABLE_BIGQUERY"):
            commands.append(self.command("setup_bigquery"))
        if is_asked_for(environment, "ENABLE_PUBSUB"):
            commands.append(self.command("setup_pubsub"))
        if is_asked_for(environment, "ENABLE_SPANNER"):
            commands.append(self.command("setup_spanner"))
        return commands

    def migrate(self) -> Process:
        if not self.owner_url:
            return self.command("migrate", "--no-input")
        return replace(
            self.command("protect_audit", "--migrate", "--application", APPLICATION),
            name="migrate",
            log=self.log("migrate"),
            environment={"DATABASE_URL": self.owner_url},
        )

    def load_demo(self) -> Process:
        return self.command("load_demo")

    def servers(self) -> list[Process]:
        # A beat of its own: one inside the worker (`-B`) outlives it as an orphan.
        return [
            self.web(),
            self.celery("worker", "[queues]", "-P", "threads", "--without-mingle", "--without-gossip"),
            self.celery("beat", "Configuration ->", "-s", str(self.var / "celery" / "beat-schedule")),
        ]

    def command(self, name: str, *options: str) -> Process:
        return Process(name, [sys.executable, "manage.py", name, *options], self.log(name), folder=REPOSITORY)

    def web(self) -> Process:
        # Without the kill timeout a signal that comes early may never stop a worker.
        options = "--interface wsgi --host 127.0.0.1 --workers 2 --workers-kill-timeout 5 --no-ws"
        limits = "--http 1 --http1-buffer-size 65536 --http1-header-read-timeout 60000"
        limits += " --log-config leafloaf/observability/granian.json"
        asked = f"{options} --blocking-threads {self.web_threads} {limits}".split()
        command = [sys.executable, "-m", "granian", *asked, "--port", str(self.port)]
        return Process(
            name="web",
            command=[*command, "leafloaf.wsgi:application"],
            log=self.log("web"),
            is_ready=lambda: answers(self.port, "/health/ready"),
            folder=REPOSITORY,
        )

    def celery(self, name: str, says_when_ready: str, *options: str) -> Process:
        """Ready when it prints its banner: that is after its settings were read, at whatever log level."""
        log = self.log(name)
        return Process(
            name=name,
            command=[sys.executable, "-m", "celery", "-A", "leafloaf", name, *options],
            log=log,
            is_ready=lambda: says_when_ready in log.read_text(errors="replace"),
            folder=REPOSITORY,
        )
