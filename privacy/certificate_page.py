"""Anybody's page to check a certificate on, and the keys that certificates were signed with."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_cache_control
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from leafloaf.access.throttling import pages as limits
from leafloaf.lib import problems
from privacy.certificate_words import WORDS
from privacy.erasure import certificate, certificate_keys
from privacy.erasure.certificate import LARGEST_FILE, NotGenuine
from privacy.pages.base import Page

TIMES = ("asked_at", "fenced_at", "before", "purged_at", "verified_at")


@require_safe
def keys(request: HttpRequest) -> JsonResponse:
    """The public keys of this shop; a proxy may keep them, and answer in our place."""
    if wait := limits.count(request):
        return too_many(wait)
    response = JsonResponse({"keys": certificate_keys.published()})
    patch_cache_control(response, public=True, max_age=300)
    return response


def too_many(wait: int) -> JsonResponse:
    """For programs, which read no page."""
    detail = f"Too many requests from this network address; ask again in {wait} s."
    document = problems.body(429, "too_many_requests", detail)
    headers = {"Retry-After": str(wait)}
    return JsonResponse(document, status=429, content_type=problems.CONTENT_TYPE, headers=headers)


@method_decorator(csrf_exempt, name="dispatch")  # it changes nothing and knows nobody
class CertificatePage(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.told()

    def post(self, request: HttpRequest) -> HttpResponse:
        if not (file := sent(request)):
            return self.told(verdict="empty")
        try:
            signed = certificate.check(file)
        except NotGenuine:
            return self.told(verdict="changed")
        if certificate_keys.public_key(signed.kid) != signed.public_key:
            return self.told(verdict="stranger")
        content = signed.certificate
        times = [(self.words[name], content[name]) for name in TIMES if content[name]]
        return self.told(verdict="genuine", content=content, times=times)

    def told(self, verdict: str = "", **context: Any) -> HttpResponse:
        said = self.words.get(verdict, "")
        return self.show("certificate", text=self.words, verdict=verdict, sentence=said, **context)

    @property
    def words(self) -> dict[str, str]:
        return WORDS[self.language]


def sent(request: HttpRequest) -> bytes:
    """The file that was chosen, or the text that was pasted."""
    if file := request.FILES.get("file"):
        return bytes(file.read(LARGEST_FILE + 1))
    return request.POST.get("text", "").strip().encode()
