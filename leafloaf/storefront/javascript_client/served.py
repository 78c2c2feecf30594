"""`GET /leafloaf.js`, the newest release; `GET /leafloaf-1.0.0.js`, that one for good; both as a module with `.mjs`.

For pages of any origin: what is in it is public, and a page that says its hash can tell only if it may read it.
"""

import gzip
import hashlib
from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.http import require_safe

from leafloaf.lib import problems
from leafloaf.storefront.javascript_client import releases

HOUR, YEAR = 60 * 60, 365 * 24 * 60 * 60
HEADERS = {
    "Content-Type": "text/javascript; charset=utf-8",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@require_safe
def script(request: HttpRequest, version: str = "", is_module: bool = False) -> HttpResponse:
    """A release, or the newest one."""
    try:
        content = releases.content(version or releases.versions()[-1], is_module)
    except releases.Unknown:
        return problems.not_found(request)
    kept = f"public, max-age={YEAR}, immutable" if version else f"public, max-age={HOUR}"
    response = HttpResponse(content, headers=HEADERS | {"Cache-Control": kept})
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.content, response.headers["Content-Encoding"] = zipped(content), "gzip"
    response.headers["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    patch_vary_headers(response, ["Accept-Encoding"])
    return get_conditional_response(request, response.headers["ETag"], response=response) or response


@lru_cache
def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
