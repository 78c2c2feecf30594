"""A shop as `make run` has it."""

import pytest
from django.core.management import call_command
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer


@pytest.fixture
def demo(settings: Settings, live_server: LiveServer) -> str:
    """The address of the demo."""
    settings.DEBUG = True
    call_command("load_demo")
    return live_server.url.replace("localhost", "127.0.0.1")
