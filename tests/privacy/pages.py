"""What stands on a person's pages."""

from typing import Any

from django.test import Client

from privacy.models import Subject
from tests.privacy.entering import HOME

DELETION = "/privacy/deletion"
PAGES = [f"/privacy/{name}" for name in ("", "settings", "choices", "accesses", "export", "deletion")]
SENT = {"personalization_enabled": "on", "purchase_history": "on", "data_retention_days": "30"}


def said(client: Client, path: str = HOME, **headers: str) -> str:
    answer = client.get(path, headers=headers, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def subject() -> Subject:
    return Subject.objects.get(user_id="user_1")


def ask(client: Client, wait: int | str = 1, **changes: str) -> Any:
    return client.post(DELETION, {"wait": str(wait), "sure": "on"} | changes, follow=True)
