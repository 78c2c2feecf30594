"""The web server under kill -9: the next one listens on another port."""

from pathlib import Path

from leafloaf.stack.services import answers
from tests.config import application
from tests.faults.load import Shoppers
from tests.faults.shop import DEMO_KEY, Shop


class Web:
    """One server at a time, killed and begun again."""

    def __init__(self, shop: Shop, log: Path) -> None:
        self.shop, self.log = shop, log
        self.begin()

    def begin(self) -> None:
        self.server = application.web_begun(self.shop.environment, self.log, DEMO_KEY)
        application.wait_for(self.is_ready, "web", self.log, self.server.process)

    def is_ready(self) -> bool:
        return answers(self.port(), "/health/ready")

    def port(self) -> int:
        return self.server.port

    def kill(self) -> None:
        application.killed(self.server.process)

    def shoppers(self, size: int = 10, pause_seconds: float = 0.02) -> Shoppers:
        return Shoppers(self.port, DEMO_KEY, size, pause_seconds)
