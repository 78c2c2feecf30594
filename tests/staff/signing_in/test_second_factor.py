"""A code beside the password: when it is asked for, how it is set up, and that none is good twice."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver, reverse
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from leafloaf.access.models import AuditEntry
from leafloaf.staff.models import Authenticator
from leafloaf.staff.signing_in import second_factor
from tests.staff.signing_in.entering import (
    CODE,
    INDEX,
    LOGIN,
    PASSWORD,
    SET_UP,
    code_of,
    password_shown,
    secret_of,
    set_up,
    staff,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked_of_all(settings: Settings) -> None:
    settings.STAFF_TWO_FACTOR = True


@pytest.fixture
def rosemary(asked_of_all: None) -> User:
    return staff()


def audited() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def wait_for_next_code(traveller: time_machine.Traveller) -> None:
    traveller.shift(timedelta(seconds=31))


# Who may see what


def addresses() -> list[str]:
    """Every page of the admin that has an address without arguments."""
    names = [name for name in get_resolver().namespace_dict["admin"][1].reverse_dict if isinstance(name, str)]
    found = []
    for name in names:
        for possibility, *_ in get_resolver().namespace_dict["admin"][1].reverse_dict.getlist(name):
            if not possibility[0][1]:
                found.append("/admin/" + possibility[0][0])
    return sorted(found)


def test_the_password_alone_opens_nothing_but_the_setting_up(rosemary: User) -> None:
    client, answer = password_shown()
    assert answer.status_code == 302
    pages = [page for page in addresses() if page not in {LOGIN, CODE, SET_UP, "/admin/jsi18n/"}]
    assert len(pages) > 20
    for page in pages:
        assert client.get(page).status_code == 302, page
        assert client.post(page).status_code == 302, page
    assert client.get(LOGIN).headers["Location"].startswith(SET_UP)
    assert client.get(SET_UP).status_code == 200


def test_nothing_of_the_admin_is_told_before_the_code(rosemary: User) -> None:
    client, _ = password_shown()
    said = client.get(SET_UP).content.decode()
    assert "nav-sidebar" not in said
    assert "audit" not in said.lower()


def test_without_a_password_the_pages_send_to_the_sign_in(rosemary: User) -> None:
    for page in (CODE, SET_UP):
        assert Client().get(page).headers["Location"] == LOGIN
        assert Client().post(page, {"act": "begin"}).headers["Location"] == LOGIN
    assert not TOTPDevice.objects.exists()


def test_who_is_not_staff_cannot_set_one_up(asked_of_all: None) -> None:
    client = Client()
    client.force_login(staff("shopper", is_staff=False, is_superuser=False))
    assert client.post(SET_UP, {"act": "begin"}).headers["Location"] == LOGIN
    assert not TOTPDevice.objects.exists()


def test_setting_up_leads_in(rosemary: User) -> None:
    client, _ = password_shown()
    set_up(client)
    assert client.get(INDEX).status_code == 200
    assert audited() == ["set up second factor", "make recovery codes"]


def test_then_the_code_is_asked_for_every_time(rosemary: User) -> None:
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        client, _ = password_shown()
        secret, _ = set_up(client)
        wait_for_next_code(traveller)
        again, _ = password_shown()
        assert again.get(INDEX).headers["Location"].startswith(LOGIN)
        assert again.get(LOGIN + "?next=/admin/auth/user/").headers["Location"].startswith(CODE)
        answer = again.post(CODE, {"code": code_of(secret), "next": "/admin/auth/user/"})
        assert answer.headers["Location"] == "/admin/auth/user/"
        assert again.get(INDEX).status_code == 200


def test_who_has_set_it_up_must_show_it_where_the_shop_does_not_ask(settings: Settings) -> None:
    settings.STAFF_TWO_FACTOR = False
    staff()
    client, _ = password_shown()
    assert client.get(INDEX).status_code == 200, "nobody is asked who has not set it up"
    set_up(client)
    again, _ = password_shown()
    assert again.get(INDEX).status_code == 302
    assert again.post(SET_UP, {"act": "begin"}).headers["Location"] == CODE, "no second app over the first"
    assert again.get(INDEX).status_code == 302


def test_only_pages_of_this_site_are_gone_on_to(rosemary: User) -> None:
    client, _ = password_shown()
    _, codes = set_up(client)
    again, _ = password_shown()
    answer = again.post(CODE, {"code": codes[0], "next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == INDEX


# Codes


def test_a_code_is_good_once(rosemary: User) -> None:
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        client, _ = password_shown()
        secret, _ = set_up(client)
        wait_for_next_code(traveller)
        code = code_of(secret)
        first, _ = password_shown()
        assert first.post(CODE, {"code": code}).status_code == 302
        second, _ = password_shown()
        assert "That is not the code" in second.post(CODE, {"code": code}).content.decode()
        assert second.get(INDEX).status_code == 302


def test_a_recovery_code_is_good_once(rosemary: User) -> None:
    client, _ = password_shown()
    _, codes = set_up(client)
    first, _ = password_shown()
    assert first.post(CODE, {"code": f" {codes[0][:5]}-{codes[0][5:].upper()} "}).status_code == 302
    assert first.get(INDEX).status_code == 200
    second, _ = password_shown()
    assert second.post(CODE, {"code": codes[0]}).status_code == 200
    assert second.get(INDEX).status_code == 302
    assert AuditEntry.objects.get(action="use recovery code").details == {"left": 9}


def test_somebody_elses_code_is_none(rosemary: User) -> None:
    staff("thyme")
    thyme, _ = password_shown("thyme")
    _, codes = set_up(thyme)
    mine, _ = password_shown()
    set_up(mine)
    again, _ = password_shown()
    assert again.post(CODE, {"code": codes[0]}).status_code == 200
    assert again.get(INDEX).status_code == 302


def test_odd_codes_are_wrong_codes(rosemary: User) -> None:
    client, _ = password_shown()
    set_up(client)
    again, _ = password_shown()
    for odd in ("", "\x00", "٠٠٠٠٠٠", "9" * 5000, "-1", "1e5", "'; --"):
        assert again.post(CODE, {"code": odd}).status_code in {200, 429}
    assert again.get(INDEX).status_code == 302


# What is shown once


def test_the_secret_is_in_one_answer_and_never_again(rosemary: User) -> None:
    client, _ = password_shown()
    begun = client.post(SET_UP, {"act": "begin"})
    secret = secret_of(begun)
    assert "<svg" in begun.content.decode()
    assert "no-store" in begun.headers["Cache-Control"]
    for answer in (client.get(SET_UP), client.post(SET_UP, {"act": "confirm", "code": "000000"})):
        assert 'class="secret"' not in answer.content.decode()
        assert '<path d="M4' not in answer.content.decode()
    assert secret.hex() not in repr(list(TOTPDevice.objects.values()))


def test_a_secret_of_the_table_makes_no_codes(rosemary: User) -> None:
    device = second_factor.begin(rosemary)
    stored = TOTPDevice.objects.get().key
    assert device.bin_key.hex() not in stored
    assert len(device.bin_key) == 20


def test_no_recovery_code_stands_in_the_table(rosemary: User) -> None:
    codes = second_factor.new_codes(rosemary)
    assert not StaticToken.objects.filter(token__in=codes).exists()
    assert StaticToken.objects.count() == len(set(codes)) == 10


def test_a_former_secret_key_still_reads_them(rosemary: User, settings: Settings) -> None:
    client, _ = password_shown()
    _, codes = set_up(client)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-secret-key", [settings.SECRET_KEY]
    again, _ = password_shown()
    assert again.post(CODE, {"code": codes[0]}).status_code == 302
    assert Authenticator.objects.get().bin_key


def test_a_secret_nobody_can_read_is_a_wrong_code(rosemary: User, settings: Settings) -> None:
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        client, _ = password_shown()
        secret, _ = set_up(client)
        wait_for_next_code(traveller)
        settings.SECRET_KEY = "another-secret-key"
        again, _ = password_shown()
        assert again.post(CODE, {"code": code_of(secret)}).status_code == 200


def test_an_open_session_is_not_enough_to_change_it(rosemary: User) -> None:
    client, _ = password_shown()
    set_up(client)
    for act in ("begin", "codes"):
        refused = client.post(SET_UP, {"act": act, "code": ""}).content.decode()
        assert "That is not the code" in refused
    assert Authenticator.objects.filter(confirmed=True).count() == Authenticator.objects.count() == 1


def test_another_app_takes_the_place_of_the_first(rosemary: User) -> None:
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        client, _ = password_shown()
        old, codes = set_up(client)
        wait_for_next_code(traveller)
        new = secret_of(client.post(SET_UP, {"act": "begin", "code": code_of(old)}))
        assert client.post(SET_UP, {"act": "confirm", "code": code_of(new)}).status_code == 200
        assert client.get(INDEX).status_code == 200
        wait_for_next_code(traveller)
        again, _ = password_shown()
        assert again.post(CODE, {"code": code_of(old)}).status_code == 200
        traveller.shift(timedelta(seconds=5))
        assert again.post(CODE, {"code": codes[1]}).status_code == 200, "the recovery codes are new as well"
        wait_for_next_code(traveller)
        assert again.post(CODE, {"code": code_of(new)}).status_code == 302


# Reset


def test_somebody_with_permission_resets_it_and_it_is_audited(rosemary: User) -> None:
    client, _ = password_shown()
    set_up(client)
    boss = staff("boss")
    helper, _ = password_shown("boss")
    set_up(helper)
    chosen = {"action": "reset", "_selected_action": list(Authenticator.objects.values_list("pk", flat=True))}
    helper.post(reverse("admin:staff_authenticator_changelist"), chosen)
    assert [device.user for device in Authenticator.objects.all()] == [boss], "one's own stays"
    entry = AuditEntry.objects.get(action="reset second factor")
    assert (entry.actor, entry.target) == ("boss", "rosemary")
    assert client.get(INDEX).status_code == 302, "her open session is not enough any more"


def test_the_lists_show_no_secret(rosemary: User) -> None:
    client, _ = password_shown()
    set_up(client)
    said = client.get(reverse("admin:staff_authenticator_changelist")).content.decode()
    assert "rosemary" in said
    assert Authenticator.objects.get().key not in said
    for address in ("/admin/otp_totp/totpdevice/", "/admin/otp_static/staticdevice/"):
        assert client.get(address).status_code == 404


def test_leaving_ends_the_session(rosemary: User) -> None:
    client, _ = password_shown()
    assert client.post(SET_UP, {"act": "leave"}).headers["Location"] == LOGIN
    assert client.get(SET_UP).headers["Location"] == LOGIN
    assert PASSWORD not in repr(dict(client.session))


def test_a_reset_ends_every_session_so_that_a_password_is_needed_to_set_up_another(rosemary: User) -> None:
    client, _ = password_shown()
    set_up(client)
    half_way, _ = password_shown()
    second_factor.reset(rosemary, by="olive")
    for session in (client, half_way):
        assert session.post(SET_UP, {"act": "begin"}).headers["Location"] == LOGIN
    assert not Authenticator.objects.exists()


def test_a_new_app_ends_the_sessions_of_the_old_one_elsewhere(rosemary: User) -> None:
    with time_machine.travel(datetime.now().astimezone()) as traveller:
        client, _ = password_shown()
        secret, _ = set_up(client)
        wait_for_next_code(traveller)
        elsewhere, _ = password_shown()
        elsewhere.post(CODE, {"code": code_of(secret)})
        assert elsewhere.get(INDEX).status_code == 200
        wait_for_next_code(traveller)
        new = secret_of(client.post(SET_UP, {"act": "begin", "code": code_of(secret)}))
        client.post(SET_UP, {"act": "confirm", "code": code_of(new)})
        assert client.get(INDEX).status_code == 200
        assert elsewhere.get(INDEX).status_code == 302


def test_who_came_in_by_a_recovery_code_stays_in_after_making_new_ones(rosemary: User) -> None:
    client, _ = password_shown()
    _, codes = set_up(client)
    back, _ = password_shown()
    back.post(CODE, {"code": codes[0]})
    assert back.post(SET_UP, {"act": "codes", "code": codes[1]}).status_code == 200
    assert back.get(INDEX).status_code == 200
