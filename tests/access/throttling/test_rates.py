"""What THROTTLES may say, and what the system check says of anything else."""

from typing import Any

import pytest
from django.core import checks
from pytest_django import Settings

from leafloaf.access.throttling import rates
from leafloaf.access.throttling.checks import a_batch_fits, addresses_are_the_clients, limits_can_be_read
from leafloaf.access.throttling.gcra import Rate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("600/min", {"address": Rate(600, 60), "user": Rate(600, 60)}),
        ("user=5/10s, key = 7/Hour", {"user": Rate(5, 10), "key": Rate(7, 3600)}),
        ("100/15min,key=off", {"address": Rate(100, 900), "user": Rate(100, 900)}),
        ("off", {}),
        ("0", {}),
        ("address=0", {}),
    ],
)
def test_a_text_names_limits(text: str, expected: dict[str, Rate]) -> None:
    assert dict(rates.parsed(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "often",
        "600",
        "600/fortnight",
        "-1/min",
        "0/min",
        "1/0s",
        "1.5/min",
        "shop=1/min",
        "user=1/min,user=2/min",
        "1/min,user=2/min",
        "address=5/hour",
        "user=5/2h",
        "999999999/s",
        "600/min;",
        "٣/min",
    ],
)
def test_anything_else_stops_the_start_with_the_variable_and_a_hint(text: str, settings: Settings) -> None:
    settings.THROTTLES = settings.THROTTLES | {"search": text}
    (error,) = limits_can_be_read()
    assert error.id == "access.E010"
    assert error.msg.startswith("THROTTLE_SEARCH cannot be read: ")
    assert error.hint


@pytest.mark.parametrize(("change", "said"), [({"serach": "off"}, "'serach'"), (None, "lacks")])
def test_a_class_that_is_none_or_not_there_is_noticed(change: Any, said: str, settings: Settings) -> None:
    settings.THROTTLES = settings.THROTTLES | change if change else {"search": "off"}
    assert all(error.id == "access.E010" and said in error.msg for error in limits_can_be_read())
    assert limits_can_be_read()


def test_a_wrong_credential_has_nothing_but_an_address(settings: Settings) -> None:
    settings.THROTTLES = settings.THROTTLES | {"failures": "key=5/min"}
    (error,) = limits_can_be_read()
    assert "THROTTLE_FAILURES" in error.msg


def test_a_page_knows_no_keys(settings: Settings) -> None:
    settings.THROTTLES = settings.THROTTLES | {"privacy_pages": "user=5/min, key=5/min"}
    (error,) = limits_can_be_read()
    assert error.msg == "THROTTLE_PRIVACY_PAGES: who looks at a page has no key."
    settings.THROTTLES = settings.THROTTLES | {"privacy_pages": "5/min"}
    assert not limits_can_be_read()


def test_limits_smaller_than_a_batch_are_told_of(settings: Settings) -> None:
    assert a_batch_fits() == []
    settings.THROTTLES = settings.THROTTLES | {"events": "address=499/min, key=500/min"}
    (told,) = a_batch_fits()
    assert (told.id, told.level) == ("access.I011", checks.INFO)


def test_a_proxy_that_is_not_counted_stops_the_start(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER, settings.TRUSTED_PROXIES = ("HTTP_X_FORWARDED_PROTO", "https"), 0
    (error,) = addresses_are_the_clients()
    assert error.id == "access.E012"
    settings.TRUSTED_PROXIES = 1
    assert addresses_are_the_clients() == []
