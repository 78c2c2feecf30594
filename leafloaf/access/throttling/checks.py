"""Whether the limits in the settings can be read, and whether they can do what they are for."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks

from leafloaf.access.throttling import rates

HINT = "Write such as `address=1200/min, user=600/min, key=600000/min`, `600/min` for both shoppers' limits, or `off`."
BATCH = 500
"""The most events a batch may have."""


@checks.register
def limits_can_be_read(**_: Any) -> list[checks.CheckMessage]:
    """Every class of routes has a text, and the text is limits."""
    return [
        checks.Error(f"{sentence}.", hint=HINT, id="access.E010")
        for scope in sorted({*settings.THROTTLES, *rates.CLASSES})
        if (sentence := complaint(scope))
    ]


@checks.register
def a_batch_fits(**_: Any) -> list[checks.CheckMessage]:
    """Smaller limits work, but one batch takes all there is: whoever sends none larger is better off."""
    if complaint("events"):
        return []
    return [
        checks.Info(
            f"THROTTLE_EVENTS: each {whose} may send {rate.count} events at once, less than one batch of {BATCH}.",
            hint=f"Give each {whose} at least {BATCH}, such as {BATCH}/min.",
            id="access.I011",
        )
        for whose, rate in rates.parsed(settings.THROTTLES["events"]).items()
        if rate.count < BATCH
    ]


@checks.register
def addresses_are_the_clients(**_: Any) -> list[checks.CheckMessage]:
    """Behind a proxy that is not counted everybody has one address, and one limit."""
    if settings.TRUSTED_PROXIES or not settings.SECURE_PROXY_SSL_HEADER:
        return []
    return [
        checks.Error(
            "TRUSTED_PROXIES is 0 although BEHIND_TLS_PROXY is true: all shoppers share the proxy's limits.",
            hint="Say how many proxies there are between the internet and LeafLoaf, or leave it out for one.",
            id="access.E012",
        )
    ]


def complaint(scope: str) -> str:
    """What is wrong with the limits of a class, if anything."""
    variable = f"THROTTLE_{scope.upper()}"
    if scope not in rates.CLASSES:
        return f"THROTTLES: there is no class {scope!r}, there are {', '.join(rates.CLASSES)}"
    if scope not in settings.THROTTLES:
        return f"THROTTLES lacks {scope!r}"
    text = settings.THROTTLES[scope]
    try:
        limits = rates.parsed(text)
    except rates.Unreadable as error:
        return f"{variable} cannot be read: {error}"
    if scope == rates.FAILURES and set(limits) - {"address", *implied(text)}:
        return f"{variable}: who shows a wrong credential has an address and nothing else"
    if scope in rates.PAGES and "key" in limits:
        return f"{variable}: who looks at a page has no key"
    return ""


def implied(text: str) -> Iterator[str]:
    """A rate without a name is the user's too, who is nobody here."""
    if "=" not in text:
        yield "user"
