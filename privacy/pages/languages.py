"""In which language a page answers: as chosen by its switch, else as the browser asks, else English."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation.trans_real import parse_accept_lang_header

from privacy import words

COOKIE = "leafloaf_privacy_language"
PARAMETER = "lang"
SECONDS = 365 * 24 * 3600


def of(request: HttpRequest) -> str:
    asked = [request.GET.get(PARAMETER, ""), request.COOKIES.get(COOKIE, "")]
    accepted = [code for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", ""))]
    for code in [*asked, *accepted]:
        if (language := code.split("-")[0].lower()) in words.WORDS:
            return language
    return words.DEFAULT


def remember(request: HttpRequest, response: HttpResponse, language: str) -> None:
    """Keeps what was chosen by the switch."""
    if request.GET.get(PARAMETER) == language:
        response.set_cookie(
            COOKIE,
            language,
            max_age=SECONDS,
            path="/privacy/",
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
