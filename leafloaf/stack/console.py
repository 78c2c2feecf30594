"""What a person sees while the stack starts: one line a step, with its seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def say(text: str = "", end: str = "\n") -> None:
    """Never fails: a terminal that has gone away must not keep the stack from stopping."""
    with suppress(OSError, ValueError):
        print(text, end=end, flush=True)


class Progress:
    """On a terminal the seconds of the step under way are counted as they pass."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.title = ""
        self.step_began = 0.0
        self.shown = 0
        self.is_live = sys.stdout.isatty()

    @property
    def total_seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def step_seconds(self) -> float:
        return time.monotonic() - self.step_began

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.title, self.step_began, self.shown = title, time.monotonic(), 0
        say(f"  {title:<32}", end="")
        ending = "not finished"
        try:
            yield
            ending = f"{self.step_seconds:5.1f} s"
        finally:
            self.title = ""
            say(f"\r  {title:<32}{ending}" if self.is_live else ending)

    def tick(self) -> None:
        if self.is_live and self.title and int(self.step_seconds) > self.shown:
            self.shown = int(self.step_seconds)
            say(f"\r  {self.title:<32}{self.shown:3d} s", end="")
