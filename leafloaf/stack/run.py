"""`make run`: the whole of LeafLoaf in the foreground, on embedded servers where none are named."""

import json
from collections.abc import Mapping
from pathlib import Path

from leafloaf.stack import ports, redis_server, services, surroundings
from leafloaf.stack.application import Application
from leafloaf.stack.console import Progress, say
from leafloaf.stack.postgres import Postgres
from leafloaf.stack.process import StartError, tail
from leafloaf.stack.redis_server import RedisServer
from leafloaf.stack.services import CLOUD_STORAGE, KINDS, POSTGRES, REDIS, REPOSITORY, Kind, Service
from leafloaf.stack.supervisor import (
    AlreadyRunningError,
    CrashError,
    StopFlag,
    StopRequestedError,
    Supervisor,
    sole_instance,
)

DEFAULT_PORT = "8000"


def main() -> int:
    """0 when somebody stopped it, 1 when it stopped by itself."""
    user = surroundings.of_the_user(REPOSITORY / ".env")
    var = Path(user.get("LEAFLOAF_VAR", REPOSITORY / "var")).resolve()
    flag = StopFlag()
    with flag.listening():
        try:
            with sole_instance(var / "lock"):
                Run(var, user, flag).to_the_end()
        except StopRequestedError:
            say("Stopped.")
        except AlreadyRunningError as error:
            say(f"{error}{addresses_of_the_other(var)}")
            return 1
        except (StartError, CrashError, ports.NoFreePortError) as error:
            say(f"\n{error}\n\nLeafLoaf has stopped, and everything it had started with it.")
            return 1
    return 0


def addresses_of_the_other(var: Path) -> str:
    try:
        addresses = json.loads((var / "stack.json").read_text())
    except (FileNotFoundError, ValueError):
        return " It is still starting."
    return "".join(f"\n  {name:<14} {address}" for name, address in addresses.items() if address)


def web_port(user: Mapping[str, str]) -> int:
    """The one port that people know by heart, and which therefore is never another than they said."""
    port = user.get("PORT", DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise StartError(f"PORT must be a number from 1 to 65535, and it is {port!r}.")
    if not ports.is_free(int(port)):
        raise StartError(
            f"Port {port} on 127.0.0.1 is taken by another program. Stop that, or choose another port: "
            f"PORT={int(port) % 65535 + 1} make run"
        )
    return int(port)


class Run:
    def __init__(self, var: Path, user: Mapping[str, str], flag: StopFlag) -> None:
        self.var = var
        self.logs = var / "log"
        self.user = {**user, "LEAFLOAF_VAR": str(var), "PYTHONUNBUFFERED": "1"}
        self.owner_url = ""
        self.progress = Progress()
        self.supervisor = Supervisor(var, self.user, flag, self.progress.tick)
        self.ports = ports.RememberedPorts(var / "ports.json")
        self.variables: dict[str, str] = {}
        self.addresses: dict[str, str | None] = {"web": None}

    def to_the_end(self) -> None:
        try:
            with self.supervisor.running():
                self.start()
                self.watch()
        finally:
            self.forget_addresses()

    def start(self) -> None:
        self.forget_addresses()
        port = web_port(self.user)
        (self.var / "celery").mkdir(exist_ok=True)
        self.empty_metrics()
        say(f"LeafLoaf is starting. Data and logs: {self.var}")
        for kind in KINDS:
            self.addresses[kind.name] = self.bring(kind)
        self.share_environment()
        threads = self.supervisor.environment.get("WEB_THREADS", Application.web_threads)
        application = Application(self.var, port, self.owner_url, threads)
        self.set_up(application)
        self.serve(application)
        # A program that reads this wants to connect; the file is its owner's alone, as stack.env is.
        connectable = {"postgres": self.supervisor.environment["DATABASE_URL"]}
        surroundings.write_json(self.var / "stack.json", self.addresses | connectable)
        say(self.summary())

    def watch(self) -> None:
        try:
            self.supervisor.watch()
        except StopRequestedError:
            say("\nStopping …")
            raise

    def bring(self, kind: Kind) -> str | None:
        """Its address: the user's, or that of one started here; None when it is off."""
        if not surroundings.is_on(self.user, kind.switch):
            return None
        if kind.address_variable in self.user:
            return surroundings.without_password(self.user[kind.address_variable])
        if kind == REDIS and redis_server.find() is None:
            say(f"  {redis_server.NOT_FOUND}")
            self.variables[redis_server.SWITCH] = "false"
            return None
        return self.start_service(kind)

    def start_service(self, kind: Kind) -> str:
        with self.progress.step(kind.title):
            service = self.embedded(kind)
            service.prepare()
            self.supervisor.start(service.process())
            service.finish()
        self.variables |= service.environment()
        if isinstance(service, Postgres):
            self.owner_url = service.owner_url
        return service.address

    def embedded(self, kind: Kind) -> Service:
        port, log = self.ports.get(kind.name), self.logs / f"{kind.name}.log"
        if kind == POSTGRES:
            return Postgres(self.var, port, log, is_shared=True)
        if kind == REDIS:
            return RedisServer(self.var, port, log)
        if kind == CLOUD_STORAGE:
            return services.cloud_storage(self.var, port, log)
        return services.bigquery(self.var, port, log, self.ports.get(services.WRITE_PORT))

    def share_environment(self) -> None:
        environment = surroundings.completed(self.user, self.variables)
        self.supervisor.environment |= environment
        surroundings.write_env(self.var / "stack.env", environment)

    def set_up(self, application: Application) -> None:
        """Every time: each command finds out by itself what is left to do."""
        environment = self.supervisor.environment
        with self.progress.step("Tables and buckets"):
            self.supervisor.run_to_end(*application.setup_commands(environment))
        if surroundings.is_on(environment, "DEBUG"):
            demo = application.load_demo()
            with self.progress.step("Demo shop"):
                self.supervisor.run_to_end(demo)
            say("".join(f"      {line}\n" for line in tail(demo.log, 20)), end="")

    def serve(self, application: Application) -> None:
        with self.progress.step("Web, worker, scheduler"):
            self.supervisor.start(*application.servers())
        self.addresses["web"] = f"http://127.0.0.1:{application.port}"

    def empty_metrics(self) -> None:
        """What the processes of another run counted is not this run's, and its series may not be known any more."""
        folder = Path(self.user.get("PROMETHEUS_MULTIPROC_DIR", self.var / "metrics"))
        for file in folder.glob("*_*.db"):
            file.unlink(missing_ok=True)

    def forget_addresses(self) -> None:
        for name in ("stack.env", "stack.json"):
            (self.var / name).unlink(missing_ok=True)

    def summary(self) -> str:
        web = self.addresses["web"]
        lines = [
            f"\nLeafLoaf is ready after {self.progress.total_seconds:.1f} seconds.\n",
            f"  API             {web}/api/v1/",
            f"  staff           {web}/admin/",
            f"  health          {web}/health",
        ]
        lines += [f"  {kind.name:<15} {self.addresses[kind.name] or 'off'}" for kind in KINDS]
        if surroundings.is_on(self.supervisor.environment, "DEBUG"):
            lines += [DEMO.format(web=web)]
        return "\n".join([*lines, f"  data and logs   {self.var}", "\nCtrl-C stops everything."])


DEMO = """
  demo keys       pk_demo_leafloaf (for browsers), sk_demo_leafloaf (for servers)
  demo sign-in    staff / leafloaf-demo
  try             curl -s {web}/api/v1/search -H 'Authorization: Bearer pk_demo_leafloaf' \\
                    -H 'Content-Type: application/json' -d '{{"query": "organic milk"}}'
"""
