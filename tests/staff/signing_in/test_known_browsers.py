"""Where somebody got in before they are locked out by nobody else; that they did lets nobody in."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from leafloaf.access.models import AuditEntry
from leafloaf.staff.models import FailedSignIn
from leafloaf.staff.signing_in import known_browsers
from tests.staff.signing_in.entering import CODE, INDEX, PASSWORD, password_shown, set_up, staff

pytestmark = pytest.mark.django_db

LIMIT = configured.AXES_FAILURE_LIMIT


@pytest.fixture
def rosemary(settings: Settings) -> User:
    settings.STAFF_TWO_FACTOR = False
    return staff()


def desk(name: str = "rosemary") -> Client:
    """A browser that has nothing but what it remembers of a sign-in that ended."""
    client, answer = password_shown(name)
    assert answer.status_code == 302
    del client.cookies["sessionid"]
    return client


def guess(times: int, client: Client | None = None, name: str = "rosemary") -> list[int]:
    """By a colleague behind the same address, or at this browser."""
    tries = (password_shown(name, "wrong", client or Client()) for _ in range(times))
    return [answer.status_code for _, answer in tries]


def enters(client: Client, name: str = "rosemary", **changes: Any) -> int:
    return int(password_shown(name, client=client, **changes)[1].status_code)


def test_who_guesses_behind_the_same_address_keeps_nobody_from_their_desk(rosemary: User) -> None:
    own = desk()
    assert guess(LIMIT)[-1] == 429
    assert enters(Client()) == 429
    assert enters(own) == 302
    assert own.get(INDEX).status_code == 200


def test_at_the_desk_itself_guesses_end_as_anywhere(rosemary: User) -> None:
    own = desk()
    assert guess(LIMIT, own)[-1] == 429
    assert enters(own) == 429
    assert enters(Client()) == 302, "and keep nobody out elsewhere"


def test_what_the_browser_has_lets_nobody_in(rosemary: User) -> None:
    own = desk()
    assert own.get(INDEX).headers["Location"].startswith("/admin/login/")
    assert enters(own, password="wrong") == 200


def test_the_code_is_asked_for_all_the_same(rosemary: User) -> None:
    client, _ = password_shown()
    set_up(client)
    del client.cookies["sessionid"]
    assert enters(client) == 302
    assert client.get(INDEX).status_code == 302
    assert client.get("/admin/login/").headers["Location"].startswith(CODE)


def test_the_password_alone_makes_no_browser_known_where_a_code_is_owed(
    rosemary: User, settings: Settings
) -> None:
    settings.STAFF_TWO_FACTOR = True
    client, _ = password_shown()
    assert known_browsers.COOKIE not in client.cookies
    set_up(client)
    assert known_browsers.COOKIE in client.cookies
    again, _ = password_shown()
    assert known_browsers.COOKIE not in again.cookies


def test_it_is_one_users_alone(rosemary: User) -> None:
    staff("thyme")
    own = desk()
    guess(LIMIT, name="thyme")
    assert enters(own, "thyme") == 429


NEW = "five-millers-at-dusk"


def test_a_new_password_makes_it_worth_nothing(rosemary: User) -> None:
    own = desk()
    rosemary.set_password(NEW)
    rosemary.save()
    guess(LIMIT)
    assert enters(own, password=NEW) == 429


def on_her_own_page(client: Client, user: User, old: str = PASSWORD) -> int:
    form = {"old_password": old, "new_password1": NEW, "new_password2": NEW}
    return int(client.post(reverse("admin:password_change"), form).status_code)


def on_the_page_of_a_user(client: Client, user: User, old: str = PASSWORD) -> int:
    """A superuser may choose either for themselves."""
    form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    return int(client.post(reverse("admin:auth_user_password_change", args=[user.pk]), form).status_code)


@pytest.mark.parametrize("change", [on_her_own_page, on_the_page_of_a_user])
def test_the_browser_in_which_they_change_it_themselves_stays_known(
    rosemary: User, change: Callable[[Client, User], int]
) -> None:
    other = desk()
    own, _ = password_shown()
    assert change(own, rosemary) == 302
    assert own.get(INDEX).status_code == 200, "and signed in"
    del own.cookies["sessionid"]
    guess(LIMIT)
    assert enters(Client(), password=NEW) == 429
    assert enters(own, password=NEW) == 302
    assert enters(other, password=NEW) == 429, "whoever had the old one may sit there"


def test_with_a_second_factor_too(rosemary: User, settings: Settings) -> None:
    settings.STAFF_TWO_FACTOR = True
    own, _ = password_shown()
    set_up(own)
    assert on_her_own_page(own, rosemary) == 302
    del own.cookies["sessionid"]
    guess(LIMIT)
    assert enters(Client(), password=NEW) == 429
    assert enters(own, password=NEW) == 302


def test_a_password_that_was_not_changed_changes_nothing(rosemary: User) -> None:
    own, _ = password_shown()
    known = own.cookies[known_browsers.COOKIE].value
    assert on_her_own_page(own, rosemary, old="wrong") == 200
    assert own.get(INDEX).status_code == 200
    assert own.cookies[known_browsers.COOKIE].value == known


def test_who_changes_a_colleagues_makes_no_browser_theirs(rosemary: User) -> None:
    thyme = staff("thyme")
    own, _ = password_shown()
    known = own.cookies[known_browsers.COOKIE].value
    assert on_the_page_of_a_user(own, thyme) == 302
    assert own.cookies[known_browsers.COOKIE].value == known
    guess(LIMIT, name="thyme")
    del own.cookies["sessionid"]
    assert enters(own, "thyme", password=NEW) == 429


def test_a_new_app_makes_it_worth_nothing(rosemary: User) -> None:
    """Else whoever had the password alone, before there was an app, could guess its codes in many browsers."""
    own = desk()
    set_up(password_shown()[0])
    guess(LIMIT)
    assert enters(own) == 429


def test_a_changed_or_made_up_one_is_none(rosemary: User) -> None:
    own = desk()
    right = own.cookies[known_browsers.COOKIE].value
    guess(LIMIT)
    for wrong in ("", "x", "a:b:c", right[:-1], "A" + right, "\x00", "é" * 3000):
        own.cookies[known_browsers.COOKIE] = wrong
        assert enters(own) == 429, wrong
    own.cookies[known_browsers.COOKIE] = right
    assert enters(own) == 302


def test_it_is_forgotten_after_some_months_without_a_sign_in(rosemary: User) -> None:
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        own = desk()
        traveller.shift(known_browsers.AGE - timedelta(days=1))
        guess(LIMIT)
        assert enters(own) == 302, "and is new from here on"
        del own.cookies["sessionid"]
        traveller.shift(known_browsers.AGE + timedelta(days=1))
        guess(LIMIT)
        assert enters(own) == 429


def test_the_audit_and_the_list_say_whose_it_is(rosemary: User) -> None:
    own = desk()
    guess(LIMIT, own)
    assert AuditEntry.objects.get(action="lock out").target == "rosemary"
    operator = Client()
    operator.force_login(staff("olive"))
    address = reverse("admin:staff_failedsignin_changelist")
    failed = FailedSignIn.objects.get()
    assert failed.username is not None
    assert failed.username.startswith("rosemary in browser ")
    assert failed.username in operator.get(address, {"q": "rosemary"}).content.decode()
    operator.post(address, {"action": "unlock", "_selected_action": [failed.pk]})
    assert AuditEntry.objects.get(action="unlock sign-in").target == "rosemary"
    assert enters(own) == 302


def test_a_browser_keeps_its_name_from_sign_in_to_sign_in(rosemary: User) -> None:
    own = desk()
    request = HttpRequest()
    request.COOKIES = {known_browsers.COOKIE: own.cookies[known_browsers.COOKIE].value}
    name = known_browsers.of(request, rosemary)
    enters(own)
    request.COOKIES = {known_browsers.COOKIE: own.cookies[known_browsers.COOKIE].value}
    assert known_browsers.of(request, rosemary) == name != ""


def test_the_cookie_is_for_the_server_alone_and_this_host_only(rosemary: User, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    response = HttpResponse()
    known_browsers.remember(HttpRequest(), response, rosemary)
    (name, cookie), *others = response.cookies.items()
    assert (name, others) == ("__Host-leafloaf-staff-browser", [])
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert str(rosemary.password) not in cookie.value
