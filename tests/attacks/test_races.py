"""Two at once for what there is once: a link, and an export."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from privacy import exporting, links
from privacy.pages import sessions
from tests.privacy.shelf import HOLDERS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("room")]
RACERS = 6


def raced(act: Callable[[], Any]) -> list[Any]:
    """What comes of the act, done by all at once."""
    start = Barrier(RACERS)

    def run() -> Any:
        start.wait()
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(RACERS) as pool:
        return [one.result() for one in [pool.submit(run) for _ in range(RACERS)]]


def test_of_many_who_press_the_button_of_a_link_one_is_let_in() -> None:
    token, _ = links.make("user_raced")

    def enter() -> tuple[int, bool]:
        client = Client()
        status = client.post(f"/privacy/enter/{token}").status_code
        return status, sessions.COOKIE in client.cookies

    found = raced(enter)
    assert sorted(found) == [(302, True)] + [(410, False)] * (RACERS - 1)


def test_of_many_who_take_an_export_one_gets_it(settings: Settings) -> None:
    settings.DATA_HOLDERS, settings.EXPORT_INFERENCES = HOLDERS, []
    key = keys.create("Races", ApiClient.Kind.SECRET)
    export = exporting.ask("user_raced")
    assert exporting.make_due() == 1

    def take() -> int:
        headers = {"Authorization": f"Bearer {key}", "X-User-Id": "user_raced"}
        answer = Client().get(f"/api/v1/privacy/exports/{export.pk}/download", headers=headers)
        return int(answer.status_code)

    assert sorted(raced(take)) == [200] + [410] * (RACERS - 1)
