"""Several real processes on one limit: together they get exactly what it says."""

from pathlib import Path

from leafloaf.stack.throwaway import ThrowawayStack
from tests.access.throttling.hammer import ROUNDS
from tests.config import application


def test_processes_together_get_what_the_limit_says_and_never_wait_in_a_circle(
    stack: ThrowawayStack, log: None, tmp_path: Path
) -> None:
    """Alone, and with others beside it that each takes in another choice."""
    stores = ["postgres", "redis"] if "REDIS_URL" in stack.environment else ["postgres"]
    variables = application.environment(tmp_path) | {"DJANGO_SETTINGS_MODULE": "leafloaf.settings"}
    arguments = ["-m", "tests.access.throttling.hammer", *stores]
    code, output = application.ended(application.begun(arguments, variables), 120)
    assert code == 0, output
    assert output.split() == ["100"] * len(stores) * len(ROUNDS)
