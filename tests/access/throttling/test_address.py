"""Whose address a request has, whatever its headers claim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from leafloaf.access.throttling import address

PROXY = "10.0.0.1"
CLIENT = "203.0.113.7"


def seen(proxies: int, forwarded: str | None, settings: Settings, remote: str = PROXY) -> str:
    settings.TRUSTED_PROXIES = proxies
    forged = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return address.of({"REMOTE_ADDR": remote} | forged)


@pytest.mark.parametrize("forwarded", [None, "", "198.51.100.1", "198.51.100.1, 198.51.100.2"])
def test_without_proxies_no_header_helps(forwarded: str | None, settings: Settings) -> None:
    assert seen(0, forwarded, settings, CLIENT) == CLIENT


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (1, CLIENT, CLIENT),
        (1, f"198.51.100.1, {CLIENT}", CLIENT),
        (1, f"evil,, ::1,{CLIENT}", CLIENT),
        (2, f"198.51.100.1, {CLIENT}, 10.0.0.2", CLIENT),
        (2, f"{CLIENT}", CLIENT),
        (1, f"{CLIENT}:4711", CLIENT),
        (1, "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64"),
        (1, f"::ffff:{CLIENT}", CLIENT),
        (1, "unknown", PROXY),
        (1, f"{CLIENT},", PROXY),
        (1, "", PROXY),
        (1, None, PROXY),
    ],
)
def test_behind_proxies_what_they_added_counts(
    proxies: int, forwarded: str | None, expected: str, settings: Settings
) -> None:
    assert seen(proxies, forwarded, settings) == expected


def test_one_network_of_ipv6_is_one_client() -> None:
    assert address.normal("2001:db8::1") == address.normal("2001:db8::ffff:1") == "2001:db8::/64"
    assert address.normal("2001:db8:0:1::1") == "2001:db8:0:1::/64"
    assert address.normal("fe80::1%eth0") == "fe80::/64"


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_none(text: str) -> None:
    assert address.normal(text) in ("", address.normal(text.strip()))
