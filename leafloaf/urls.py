from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView

from leafloaf.lib import problems

urlpatterns = [
    path("", include("leafloaf.storefront.urls")),
    path("", include("capture.urls")),
    path("", include("personalization.urls")),
    path("", include("privacy.urls")),
    path("", include("leafloaf.observability.urls")),
    path("", include("leafloaf.openapi.urls")),
    path("privacy/", include("privacy.pages_urls")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index")),
    # Under DEBUG too, an unknown API address is a problem document and not Django's page about it.
    re_path(r"^api(/|$)", csrf_exempt(problems.not_found)),
]

handler400 = "leafloaf.lib.problems.bad_request"
handler404 = "leafloaf.lib.problems.not_found"
handler500 = "leafloaf.lib.problems.internal_error"
