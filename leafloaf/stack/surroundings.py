"""The variables that lead the application to its servers: what the user said first, the stack's own after."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import environ

SHARED = (
    "DATABASE_URL",
    "REDIS_ENABLED",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "CLOUD_STORAGE_ENABLED",
    "CLOUD_STORAGE_BUCKET",
    "CLOUD_STORAGE_ENDPOINT",
    "ENABLE_BIGQUERY",
    "BIGQUERY_PROJECT",
    "BIGQUERY_DATASET",
    "BIGQUERY_ENDPOINT",
    "BIGQUERY_WRITE_METHOD",
    "BIGQUERY_WRITE_ENDPOINT",
    "DEBUG",
)


def of_the_user(env_file: Path) -> dict[str, str]:
    """The environment, then `.env` for what it does not say; an empty value says nothing."""
    if env_file.exists():
        environ.Env.read_env(env_file)
    return {name: value for name, value in os.environ.items() if value != ""}


def is_on(environment: Mapping[str, str], switch: str | None) -> bool:
    """Only a clear no is no: what is neither is left for the settings to complain about."""
    return switch is None or environment.get(switch, "").strip().lower() not in {"0", "false", "no", "off"}


def is_asked_for(environment: Mapping[str, str], switch: str) -> bool:
    """Only a clear yes is yes: for what the stack starts no server of."""
    return environment.get(switch, "").strip().lower() in {"1", "true", "yes", "on"}


def completed(user: Mapping[str, str], stack: Mapping[str, str]) -> dict[str, str]:
    """Everything a process of LeafLoaf needs to know.

    The broker is always named, so that none is picked up from the address of a Redis that is switched off.
    """
    both = {"DEBUG": "true", **stack, **user}
    has_redis = "REDIS_URL" in both and is_on(both, "REDIS_ENABLED")
    both.setdefault("CELERY_BROKER_URL", both["REDIS_URL"] if has_redis else "filesystem://")
    return both


def without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{host}{parts.path}"


def write_env(path: Path, environment: Mapping[str, str]) -> None:
    """For `manage.py` in another terminal; private, since addresses hold passwords."""
    lines = [f"{name}={quoted(environment[name])}\n" for name in SHARED if name in environment]
    write_private(path, "".join(lines))


def quoted(value: str) -> str:
    return value if "'" in value else f"'{value}'"


def write_json(path: Path, addresses: Mapping[str, str | None]) -> None:
    write_private(path, json.dumps(addresses, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """All at once, so that no reader sees half of it."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
