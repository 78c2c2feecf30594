"""What docs/runbook.md says was tried: the shop of tests/faults, and what it says while something is wrong with it.

`pytest tests/runbook -rP` shows what the page quotes.
"""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import mortal_web, open_shop, open_web, shop, stores, web
from tests.faults.shop import Shop
from tests.faults.web import Web
from tests.runbook import page

__all__ = ["mortal_web", "open_shop", "open_web", "shop", "stores", "web"]


@dataclass
class Duty:
    """Who has been called: reads health and logs, types commands, and writes down what was seen."""

    shop: Shop
    web: Web
    began: dict[Path, int] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = {log: log.stat().st_size for log in (self.web.log, self.shop.nursery.log)}

    def types(self, *command: str) -> str:
        """What a command says, and logs; it may end badly."""
        log = self.shop.nursery.log
        before = log.stat().st_size
        self.shop.nursery.start(*command).wait()
        said = log.read_bytes()[before:].decode()
        self.writes_down(typed(command), said)
        return said

    def health(self) -> dict[str, Any]:
        """As last read, which is done now."""
        self.shop.nursery.run("take_readings")
        return self.asks()

    def asks(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.web.port(), timeout=40)
        connection.request("GET", "/health")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        self.writes_down("/health", json.dumps(found))
        return found

    def log(self) -> str:
        """What web server and commands have logged since the test began."""
        return "".join(log.read_bytes()[start:].decode() for log, start in self.began.items())

    def sees(self, words: str) -> str:
        """The log line with these words."""
        found = [line for line in self.log().splitlines() if words in line]
        assert found, f"{words!r} is not in {self.log()[-3000:]}"
        self.writes_down("log", found[-1])
        return found[-1]

    def is_over(self) -> None:
        """Health says so, every store holds the log once, and the ledger closes."""
        self.shop.settle()
        found = self.health()
        assert (found["status"], found["notices"]) == ("healthy", []), found
        self.shop.assert_all_hold_the_log_once()

    def writes_down(self, what: str, said: str) -> None:
        lines = ([] if what == "log" else [f"> {what}"]) + said.strip().splitlines()
        self.seen += lines
        print(*lines, sep="\n")  # noqa: T201 (for the page)


def typed(command: tuple[str, ...]) -> str:
    return " ".join(f'"{word}"' if " " in word else word for word in command)


@pytest.fixture
def duty(shop: Shop, web: Web, request: pytest.FixtureRequest) -> Iterator[Duty]:
    """Afterwards the page must not quote anything else than what was seen."""
    failed_before = request.session.testsfailed
    found = Duty(shop, web)
    yield found
    if request.session.testsfailed == failed_before:
        assert page.unseen(page.quoted(request.node.name), found.seen) == []
