"""With the settings of a shop that is served: Django's own check finds nothing, and the cookies are kept close."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from leafloaf.stack.services import REPOSITORY

PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "b2f7w9k4m1x8q3z6t5y0u2i9o4p7a1s8d3f6g5h0j2k9l4-and-a-few-more",
    "ALLOWED_HOSTS": "shop.example",
    "BEHIND_TLS_PROXY": "true",
    "DATABASE_URL": "postgres://unused@127.0.0.1:1/unused",
    "REDIS_ENABLED": "false",
    "CLOUD_STORAGE_ENABLED": "false",
    "ENABLE_BIGQUERY": "false",
    "SEMANTIC_ENABLED": "false",
    "LOG_LEVEL": "CRITICAL",
    "PYTHONWARNINGS": "ignore",
}
ASKED = """
import django, json
django.setup()
from django.conf import settings
names = {names!r}
print(json.dumps({{name: getattr(settings, name) for name in names}}))
"""


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **PRODUCTION, "DJANGO_SETTINGS_MODULE": "leafloaf.settings", **variables}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120
    )


def settings_of(*names: str, **variables: str) -> dict[str, Any]:
    answer = run("-c", ASKED.format(names=names), **variables)
    assert answer.returncode == 0, answer.stderr
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


def test_check_deploy_finds_nothing() -> None:
    answer = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert answer.returncode == 0, answer.stderr
    assert "no issues (0 silenced)" in answer.stdout


def test_a_shop_asks_its_staff_for_a_code_and_keeps_its_cookies_close() -> None:
    told = settings_of(
        "STAFF_TWO_FACTOR",
        "SESSION_COOKIE_NAME",
        "SESSION_COOKIE_SECURE",
        "SESSION_COOKIE_HTTPONLY",
        "SESSION_COOKIE_PATH",
        "SESSION_COOKIE_DOMAIN",
        "CSRF_COOKIE_NAME",
        "CSRF_COOKIE_SECURE",
        "CSRF_COOKIE_HTTPONLY",
        "CSRF_COOKIE_PATH",
        "CSRF_COOKIE_DOMAIN",
    )
    assert told["STAFF_TWO_FACTOR"] is True
    for cookie in ("SESSION", "CSRF"):
        assert told[f"{cookie}_COOKIE_NAME"].startswith("__Host-")
        assert told[f"{cookie}_COOKIE_SECURE"] is told[f"{cookie}_COOKIE_HTTPONLY"] is True
        assert told[f"{cookie}_COOKIE_PATH"] == "/"
        assert told[f"{cookie}_COOKIE_DOMAIN"] is None


@pytest.mark.parametrize(("places", "threads", "size"), [("4", "4", 8), ("4", "16", 20), ("12", "4", 16)])
def test_every_thread_finds_a_connection(places: str, threads: str, size: int) -> None:
    asked = """
from leafloaf import settings
print(settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"], settings.CELERY_WORKER_CONCURRENCY)
"""
    answer = run("-c", asked, WEB_PLACES=places, WORKER_THREADS=threads)
    assert answer.stdout.split() == [str(size), threads], answer.stderr


@pytest.mark.parametrize("variables", [{"STAFF_TWO_FACTOR": "false"}, {"DEBUG": "true"}])
def test_the_code_can_be_left_out(variables: dict[str, str]) -> None:
    assert settings_of("STAFF_TWO_FACTOR", **variables)["STAFF_TWO_FACTOR"] is False
