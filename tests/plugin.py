"""Starts a throw-away stack before Django reads its settings, and stops it at the end of the session.

Loaded by `-p tests.plugin` (pyproject.toml), so that it comes before pytest-django.
"""

import os
from contextlib import ExitStack

import pytest

from leafloaf.stack.throwaway import ThrowawayStack, throwaway_stack
from tests import own_ports

own_ports.use()
_open = ExitStack()
STACK: ThrowawayStack = _open.enter_context(throwaway_stack())

os.environ.update(STACK.environment)
os.environ.update(
    {
        "DEBUG": "true",
        "SECRET_KEY": "for-tests-only",
        "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
        "DATABASE_REPLICA_URL": "",
        "CELERY_BROKER_URL": "memory://",
        "LOG_LEVEL": "WARNING",
    }
)


@pytest.fixture(scope="session")
def stack() -> ThrowawayStack:
    """The session's servers, by name: `stack["redis"].kill()`."""
    return STACK


def pytest_unconfigure(config: pytest.Config) -> None:
    _open.close()
