"""What every answer tells the browser not to do, whoever made the answer: the admin, a page, the API, an error, a file.

A page may run and load what comes from this server, from a file of its own: nothing inline. Everything else, such as
JSON that somebody opens as a page, may load nothing at all. A view that says something itself is left its word.
"""

from collections.abc import Callable

from csp.constants import NONE, SELF
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

POLICY = "Content-Security-Policy"
NOTHING = {"default-src": [NONE], "base-uri": [NONE], "form-action": [NONE], "frame-ancestors": [NONE]}
PAGE = NOTHING | {
    name: [SELF] for name in ("script-src", "style-src", "img-src", "connect-src", "form-action")
}
NOTHING_POLICY, PAGE_POLICY = build_policy(config=NOTHING), build_policy(config=PAGE)

UNUSED = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
EVENTS = "/api/v1/events"
"""Pages of the shop send here without asking (`navigator.sendBeacon`); a browser would call the answer an error."""


class SecurityHeadersMiddleware:
    """Stands first, so that no answer of another one goes without."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.path == EVENTS:
            response.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
        if not is_for_developers(response):
            response.headers.setdefault(POLICY, PAGE_POLICY if is_page(response) else NOTHING_POLICY)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def is_page(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")


def is_for_developers(response: HttpResponseBase) -> bool:
    """Django's own pages about errors have scripts and styles in them; under DEBUG, and known by their bare type."""
    return (
        settings.DEBUG and response.status_code >= 400 and response.headers.get("Content-Type") == "text/html"
    )
