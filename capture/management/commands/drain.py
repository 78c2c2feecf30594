"""`manage.py drain [--loop]`: seals and delivers without any broker, in a thread for each sink."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, connection

from capture import deliver

PAUSE_SECONDS = 0.2
AWAY_SECONDS = 2.0


class Command(BaseCommand):
    help = "Delivers what is due to every enabled sink, once or for ever."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on until SIGINT or SIGTERM")
        parser.add_argument(
            "--sink", action="append", choices=list(settings.SINKS), help="only this one (repeatable)"
        )
        parser.add_argument("--all", action="store_true", help="seal what is there, however little and young")

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["sink"] or [name for name, sink in settings.SINKS.items() if sink["ENABLED"]]
        if not options["loop"]:
            for name in names:
                self.stdout.write(f"{name}: {deliver.drain(name, is_final=options['all'])} events delivered")
            return
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        threads = [threading.Thread(target=self._loop, args=(name, stopping), name=name) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _loop(self, name: str, stopping: threading.Event) -> None:
        while not stopping.is_set():
            pause = PAUSE_SECONDS
            try:
                deliver.drain(name, budget_seconds=1.0)
            except (OperationalError, InterfaceError) as error:
                self.stderr.write(f"{name}: the database is away ({type(error).__name__}); trying again")
                connection.close()
                pause = AWAY_SECONDS
            stopping.wait(pause)
        connection.close()
