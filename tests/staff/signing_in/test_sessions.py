"""How long somebody of the staff stays signed in."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client

from tests.staff.signing_in.entering import INDEX, password_shown, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    staff()
    return password_shown()[0]


def test_half_an_hour_away_ends_it_and_says_so(client: Client) -> None:
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        for _ in range(4):
            traveller.shift(timedelta(minutes=29))
            assert client.get(INDEX).status_code == 200
        traveller.shift(timedelta(minutes=31))
        answer = client.get(INDEX, follow=True)
        assert "you had been away for a while" in answer.content.decode()
        assert answer.redirect_chain[0][0].startswith("/admin/login/")


def test_a_working_day_ends_it_however_busy(client: Client) -> None:
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        for _ in range(19):
            traveller.shift(timedelta(minutes=25))
            assert client.get(INDEX).status_code == 200
        traveller.shift(timedelta(minutes=10))
        assert client.get(INDEX).status_code == 302


def test_a_session_that_was_ended_cannot_be_taken_up_again(client: Client) -> None:
    cookie = client.cookies["sessionid"].value
    with time_machine.travel(datetime.now().astimezone() + timedelta(minutes=31)):
        client.get(INDEX)
    thief = Client()
    thief.cookies["sessionid"] = cookie
    assert thief.get(INDEX).status_code == 302


def test_that_it_was_used_is_written_once_a_minute(client: Client) -> None:
    before = client.session["staff_seen"]
    client.get(INDEX)
    assert client.session["staff_seen"] == before
    with time_machine.travel(datetime.now().astimezone() + timedelta(minutes=2)):
        client.get(INDEX)
        assert client.session["staff_seen"] > before


def test_the_cookie_is_for_the_server_alone_and_ends_with_the_browser() -> None:
    staff()
    _, answer = password_shown()
    cookie = answer.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["max-age"]
