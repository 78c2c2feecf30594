"""Searches of people with settings, and the files of their export."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from pytest_django import Settings

from capture import ingest
from leafloaf.catalog.models import Product
from leafloaf.storefront.intent import known as intent_names
from leafloaf.storefront.training_export.day import Day
from leafloaf.storefront.training_export.log import LABELS
from privacy.models import PrivacySettings, Subject
from tests.calls import search

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = NOW.date() - timedelta(days=3)
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
K = 3


def shop(settings: Settings) -> Iterator[None]:
    """Three products and a small crowd, for a fixture."""
    settings.SEARCH_ANALYTICS_K = K
    for sku, name in [("OAT", "Oat Milk"), ("COW", "Whole Milk 2%"), ("EGG", "Large Eggs")]:
        Product.objects.create(sku=sku, name=name)
    intent_names.forget()
    with time_machine.travel(NOW):  # which was when the tests were collected, and may be of the day before
        yield
    intent_names.forget()


def capture(*bodies: dict[str, Any], at: datetime = NOON) -> None:
    receipt = ingest.accept(
        [json.dumps({"timestamp": at.isoformat()} | body).encode() for body in bodies], received_at=at
    )
    assert receipt.accepted == len(bodies), receipt


def searched(
    user: str | None = "user_1", query: str = "oat milk", *, at: datetime = NOON, **fields: Any
) -> str:
    search_id = str(uuid.uuid4())
    fields = {"intent": "product_search", "result_skus": ["OAT", "COW", "EGG"]} | fields
    capture(search(user_id=user, search_id=search_id, query=query, **fields), at=at)
    return search_id


def allow(user: str, **changes: Any) -> None:
    subject = Subject.objects.get(user_id=user, state="active")
    PrivacySettings.objects.update_or_create(subject=subject, defaults=changes)


def exported(folder: Path, labels: tuple[str, ...] = LABELS, now: datetime = NOW) -> Day:
    folder.mkdir(exist_ok=True)
    day = Day(DAY, labels, folder)
    day.write(now)
    return day


def rows(folder: Path, end: str = "searches.jsonl") -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob(f"*.{end}"))
        for line in path.read_bytes().splitlines()
    ]


def manifest(folder: Path, label: str = "product_search") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{label}.manifest.json").read_bytes())
    return found
