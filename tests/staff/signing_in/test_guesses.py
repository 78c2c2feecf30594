"""Wrong codes by somebody who knows the password: they wait, the owner gets in and is told."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_django import Settings

from leafloaf.access.models import AuditEntry
from leafloaf.access.throttling import memory_store
from leafloaf.access.throttling.gcra import Rate
from leafloaf.lib import cache
from leafloaf.stack.throwaway import ThrowawayStack
from leafloaf.staff.signing_in import guesses, second_factor
from tests.staff.signing_in.entering import (
    CODE,
    INDEX,
    SET_UP,
    code_of,
    password_shown,
    secret_of,
    set_up,
    staff,
)

HOME, ELSEWHERE, THIEF = "192.0.2.1", "192.0.2.2", "198.51.100.66"
AT_ONCE = guesses.AT_ONCE.count


@pytest.fixture(params=["redis", "postgres"], autouse=True)
def store(request: pytest.FixtureRequest, settings: Settings, stack: ThrowawayStack) -> None:
    settings.STAFF_TWO_FACTOR = True
    settings.REDIS_ENABLED = request.param == "redis"
    if settings.REDIS_ENABLED and "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    cache._quiet.until = 0.0
    memory_store.forget()


class Owner:
    """Rosemary, with an app and ten recovery codes; her phone shows another code each time it is asked."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self.user, self.traveller = staff(), traveller
        self.desk = Client(REMOTE_ADDR=HOME)
        self.secret, self.codes = set_up(password_shown(client=self.desk)[0])

    def code(self) -> str:
        self.traveller.shift(timedelta(seconds=31))
        return code_of(self.secret)

    def enters(self, address: str, code: str | None = None) -> tuple[Client, Any]:
        """Whoever has the password and this code, by a new browser."""
        client, _ = password_shown(client=Client(REMOTE_ADDR=address))
        return client, client.post(CODE, {"code": code or self.code()})

    def enters_at_her_desk(self, code: str | None = None) -> int:
        """By the browser that she has always used; its session has ended."""
        return int(self.answered_at_her_desk(code).status_code)

    def answered_at_her_desk(self, code: str | None = None) -> Any:
        del self.desk.cookies["sessionid"]
        _, answer = password_shown(client=self.desk)
        if answer.status_code != 302:
            return answer
        return self.desk.post(CODE, {"code": code or self.code()})

    def wrong(self) -> str:
        """Six digits that are right neither now nor in the half minutes around."""
        right = {code_of(self.secret, steps) for steps in range(-3, 4)}
        return next(code for code in map("{:06d}".format, range(100)) if code not in right)

    def guessed_at(self, times: int, address: str = THIEF) -> list[int]:
        return [self.enters(address, self.wrong())[1].status_code for _ in range(times)]


@pytest.fixture
def owner(db: None) -> Any:
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        yield Owner(traveller)


def test_who_guesses_waits_and_the_right_code_does_not_help_there(owner: Owner) -> None:
    assert owner.guessed_at(AT_ONCE) == [200] * AT_ONCE
    client, answer = owner.enters(THIEF)
    assert answer.status_code == 429
    assert 120 < int(answer.headers["Retry-After"]) <= 180
    assert "Try again in 3 minutes, by a recovery code, or from another network." in answer.content.decode()
    assert client.get(INDEX).status_code == 302


def test_the_owner_gets_in_from_anywhere_else_all_the_while(owner: Owner) -> None:
    for _ in range(3):
        owner.guessed_at(AT_ONCE + 1)
        assert owner.enters(HOME)[1].status_code == 302
        assert owner.enters(ELSEWHERE)[1].status_code == 302


def test_without_the_password_nobody_comes_as_far_as_a_code(owner: Owner) -> None:
    for _ in range(AT_ONCE + 3):
        client, _ = password_shown(password="guessed", client=Client(REMOTE_ADDR=HOME))
        assert client.post(CODE, {"code": owner.wrong()}).headers["Location"].startswith("/admin/login/")
    assert owner.enters(ELSEWHERE)[1].status_code == 302


def test_right_codes_take_nothing(owner: Owner) -> None:
    assert [owner.enters(HOME)[1].status_code for _ in range(AT_ONCE + 3)] == [302] * (AT_ONCE + 3)


def test_the_wait_ends_by_itself(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "AT_ONCE", Rate(1, 6))
    client, code = password_shown(client=Client(REMOTE_ADDR=THIEF))[0], owner.code()
    client.post(CODE, {"code": owner.wrong()})
    assert client.post(CODE, {"code": code}).status_code == 429
    said = set()
    while (answer := client.post(CODE, {"code": code})).status_code == 429:
        assert 1 <= int(answer.headers["Retry-After"]) <= 6
        said |= {answer.content.decode().partition("Try again in ")[2].partition(",")[0]}
        time.sleep(0.1)
    assert answer.status_code == 302
    assert said <= {"1 second", *(f"{seconds} seconds" for seconds in range(2, 7))}


def test_an_address_has_so_many_a_day_however_patient_it_is(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "AT_ONCE", Rate(1000, 900))
    a_day = guesses.A_DAY.count
    assert owner.guessed_at(a_day + 2) == [200] * a_day + [429] * 2
    assert owner.enters(HOME)[1].status_code == 302


def test_many_addresses_use_up_the_app_and_never_the_recovery_codes(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "TOGETHER", Rate(7, guesses.DAY))
    found = [owner.guessed_at(1, f"203.0.113.{number}")[0] for number in range(9)]
    assert found == [200] * 7 + [429] * 2
    assert owner.enters(HOME)[1].status_code == 429, "six digits could be guessed"
    owner.guessed_at(AT_ONCE, "203.0.113.200")
    client, answer = owner.enters(HOME, owner.codes[0])
    assert answer.status_code == 302
    assert client.get(INDEX).status_code == 200


def test_neither_a_thief_at_her_own_address_nor_one_everywhere_keeps_her_from_her_desk(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "TOGETHER", Rate(7, guesses.DAY))
    owner.guessed_at(AT_ONCE + 1, HOME)
    assert owner.enters(HOME)[1].status_code == 429
    assert owner.enters_at_her_desk() == 302
    owner.guessed_at(2)
    assert owner.enters(ELSEWHERE)[1].status_code == 429
    assert owner.enters_at_her_desk() == 302


def test_at_her_desk_guesses_wait_too_and_only_there(owner: Owner) -> None:
    found = [owner.enters_at_her_desk(owner.wrong()) for _ in range(AT_ONCE)]
    assert found == [200] * AT_ONCE
    assert owner.enters_at_her_desk() == 429
    assert owner.enters(HOME)[1].status_code == 302


def test_with_a_new_password_everything_begins_anew(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "TOGETHER", Rate(3, guesses.DAY))
    owner.guessed_at(3)
    client, _ = owner.enters(HOME, owner.codes[0])
    old = owner.user.password
    assert "Your password was changed" in changed(client)
    owner.user.refresh_from_db()
    assert owner.user.password != old
    again, _ = password_shown(password=NEW, client=Client(REMOTE_ADDR=THIEF))
    assert again.post(CODE, {"code": owner.code()}).status_code == 302


NEW = "five-millers-at-dusk"


def changed(client: Client) -> str:
    from tests.staff.signing_in.entering import PASSWORD

    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    return str(client.post("/admin/password_change/", form, follow=True).content.decode())


def test_guesses_at_recovery_codes_wait_likewise(owner: Owner) -> None:
    found = [owner.enters(THIEF, "abcdefgh2")[1].status_code for _ in range(AT_ONCE + 1)]
    assert found == [200] * AT_ONCE + [429]
    assert owner.enters(THIEF, owner.codes[0])[1].status_code == 429
    assert owner.enters(THIEF)[1].status_code == 302, "the app's are others"
    assert owner.enters(HOME, owner.codes[0])[1].status_code == 302


def test_an_ipv6_thief_is_a_network(owner: Owner) -> None:
    owner.guessed_at(3, "2001:db8:1:2::1")
    owner.guessed_at(2, "2001:db8:1:2::2")
    assert owner.enters("2001:db8:1:2::3")[1].status_code == 429
    assert owner.enters("2001:db8:1:3::3")[1].status_code == 302


def test_an_open_session_guesses_no_more_than_the_sign_in(owner: Owner) -> None:
    client, _ = owner.enters(THIEF)
    found = [client.post(SET_UP, {"act": "begin", "code": owner.wrong()}).status_code for _ in range(AT_ONCE)]
    assert found == [200] * AT_ONCE
    refused = client.post(SET_UP, {"act": "codes", "code": owner.code()})
    assert refused.status_code == 429
    assert "Try again in" in refused.content.decode()
    assert second_factor.codes_left(owner.user) == 10


def test_an_open_session_guesses_no_code_of_an_app_that_was_begun_and_left(owner: Owner) -> None:
    """Whose it is would be told ten recovery codes."""
    client, _ = owner.enters(THIEF)
    begun = secret_of(client.post(SET_UP, {"act": "begin", "code": owner.code()}))
    codes = [code_of(begun, steps) for steps in range(20, 20 + AT_ONCE)]
    found = [client.post(SET_UP, {"act": "confirm", "code": code}).status_code for code in codes]
    assert found == [200] * AT_ONCE
    refused = client.post(SET_UP, {"act": "confirm", "code": code_of(begun)})
    assert refused.status_code == 429
    assert "Try again in" in refused.content.decode()
    assert 'value="confirm"' in refused.content.decode()
    assert owner.enters(HOME)[1].status_code == 302, "by the app that counts"


# What helps, in words


def said(answer: Any) -> str:
    """What stands after the time."""
    assert answer.status_code == 429
    found = re.search(r"Try again in \d+ \w+([^<]*)\.</p>", answer.content.decode())
    assert found, "nothing is said"
    return found[1].removeprefix(", ")


def test_for_recovery_codes_it_is_a_code_of_the_app(owner: Owner) -> None:
    for _ in range(AT_ONCE):
        owner.enters(THIEF, "abcdefgh2")
    assert said(owner.enters(THIEF, "abcdefgh2")[1]) == "by a code of your app, or from another network"
    owner.guessed_at(AT_ONCE)
    assert said(owner.enters(THIEF, "abcdefgh2")[1]) == "or from another network"
    assert said(owner.enters(THIEF)[1]) == "or from another network"


def test_when_all_addresses_together_have_used_it_up_another_is_no_help(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "TOGETHER", Rate(AT_ONCE, guesses.DAY))
    owner.guessed_at(AT_ONCE)
    known = "or in another browser in which you got in before"
    assert said(owner.enters(HOME)[1]) == f"by a recovery code, {known}"
    assert said(owner.enters(THIEF)[1]) == f"by a recovery code, {known}"
    for _ in range(AT_ONCE):
        owner.enters(HOME, "abcdefgh2")
    assert said(owner.enters(HOME)[1]) == known
    assert owner.enters_at_her_desk() == 302, "as it says"


def test_in_a_known_browser_another_network_is_no_help(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(AT_ONCE):
        owner.enters_at_her_desk(owner.wrong())
    answer = owner.answered_at_her_desk()
    assert said(answer) == "by a recovery code, or in another browser on another network"
    monkeypatch.setattr(guesses, "TOGETHER", Rate(1, guesses.DAY))
    owner.guessed_at(1)
    answer = owner.answered_at_her_desk()
    assert said(answer) == "by a recovery code, or in another browser in which you got in before"


def test_for_a_new_app_no_recovery_code_is_spoken_of(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    second_factor.reset(owner.user, by="olive")
    client, _ = password_shown(client=Client(REMOTE_ADDR=ELSEWHERE))
    begun = secret_of(client.post(SET_UP, {"act": "begin"}))
    wrong = [code_of(begun, steps) for steps in range(20, 20 + AT_ONCE)]
    answers = [client.post(SET_UP, {"act": "confirm", "code": code}) for code in wrong]
    assert all("That is not the code that the new app shows." in one.content.decode() for one in answers)
    assert not any("recovery" in one.content.decode() for one in answers)
    refused = client.post(SET_UP, {"act": "confirm", "code": code_of(begun)})
    assert said(refused) == "or from another network"
    monkeypatch.setattr(guesses, "TOGETHER", Rate(1, guesses.DAY))
    refused = client.post(SET_UP, {"act": "confirm", "code": code_of(begun)})
    assert said(refused) == ""


# Who is told


def told(client: Client) -> str:
    found = re.search(r"somebody who knows your password[^<]*", client.get(INDEX).content.decode())
    return found[0] if found else ""


def test_the_owner_is_told_of_every_wrong_code_that_was_not_hers(owner: Owner) -> None:
    owner.guessed_at(2)
    owner.enters(THIEF, "abcdefgh2")
    client, _ = password_shown(client=Client(REMOTE_ADDR=HOME))
    client.post(CODE, {"code": owner.wrong()})
    client.post(CODE, {"code": owner.code()})
    assert "has entered 3 wrong codes." in told(client)
    assert told(client) == "", "once"
    assert told(owner.enters(HOME)[0]) == ""


def test_the_way_to_another_password_is_beside_it(owner: Owner) -> None:
    owner.guessed_at(1)
    body = owner.enters(HOME, owner.codes[0])[0].get(INDEX).content.decode()
    assert "has entered 1 wrong code. " in body
    assert '<a href="/admin/password_change/">change your password</a>' in body


def test_her_own_slips_are_none_of_it(owner: Owner) -> None:
    client, _ = password_shown(client=Client(REMOTE_ADDR=HOME))
    for _ in range(3):
        client.post(CODE, {"code": owner.wrong()})
    client.post(CODE, {"code": owner.code()})
    assert told(client) == ""


def test_codes_that_nobody_looked_at_are_not_counted(owner: Owner) -> None:
    thief, _ = password_shown(client=Client(REMOTE_ADDR=THIEF))
    for _ in range(AT_ONCE + 4):
        thief.post(CODE, {"code": owner.wrong()})
    assert f"has entered {AT_ONCE} wrong codes." in told(owner.enters(HOME)[0])


def test_the_audit_has_it_once_an_hour_without_an_address(owner: Owner) -> None:
    owner.guessed_at(AT_ONCE - 1)
    entries = AuditEntry.objects.filter(action="refuse codes")
    assert not entries.exists()
    owner.guessed_at(3)
    owner.guessed_at(AT_ONCE + 1, ELSEWHERE)
    entry = entries.get()
    assert (entry.actor, entry.target, entry.details) == ("sign-in", "rosemary", {})


# Many at once


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_at_one_moment_no_more_are_looked_at_than_of_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = staff()
    set_up(password_shown()[0])
    barrier = Barrier(12)
    connection.close()

    def guess(number: int) -> str:
        barrier.wait(60)
        return outcome(lambda: second_factor.verify(user, "abcdefgh2", guesses.Place(THIEF)))

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(guess, range(12)))
    assert sorted(found) == ["looked at"] * AT_ONCE + ["too many"] * (12 - AT_ONCE)


def outcome(verify: Callable[[], object]) -> str:
    try:
        return "right" if verify() else "looked at"
    except guesses.TooMany:
        return "too many"
    finally:
        connection.close()


@pytest.mark.django_db
def test_the_name_of_a_limit_tells_nothing_of_whose_it_is() -> None:
    user = User.objects.create_user("thyme", password="x")
    names = {one.name for one in guesses.limits(user, guesses.APP, guesses.Place(THIEF), 1)}
    assert len(names) == 3
    assert all(len(name) == 16 for name in names)
