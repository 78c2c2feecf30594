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
        threads = {name: self._begun(name, stopping) for name in names}
        while not stopping.wait(PAUSE_SECONDS):
            # One that ended by itself has said why; its sink must not wait for somebody to start the process again.
            ended = [name for name, thread in threads.items() if not thread.is_alive()]
            threads |= {name: self._begun(name, stopping) for name in ended}
        for thread in threads.values():
            thread.join()

    def _begun(self, name: str, stopping: threading.Event) -> threading.Thread:
        thread = threading.Thread(target=self._loop, args=(name, stopping), name=name)
        thread.start()
        return thread

    def _loop(self, name: str, stopping: threading.Event) -> None:
        try:
            while not stopping.is_set():
                stopping.wait(self._drained(name))
        finally:
            connection.close()

    def _drained(self, name: str) -> float:
        """Delivers what is due to one sink; returns how long to pause."""
        try:
            deliver.drain(name, budget_seconds=1.0)
        except (OperationalError, InterfaceError) as error:
            self.stderr.write(f"{name}: the database is away ({type(error).__name__}); trying again")
            connection.close()
            return AWAY_SECONDS
        return PAUSE_SECONDS
