from django.urls import path

from leafloaf.storefront import api, complements_api, recommendations_api, reorder_api, suggest_api
from leafloaf.storefront.javascript_client import served

urlpatterns = [
    path("api/v1/search", api.SearchView.as_view(), name="search"),
    path("api/v1/recommendations", recommendations_api.RecommendationsView.as_view(), name="recommendations"),
    path(
        "api/v1/recommendations/dismissals", recommendations_api.DismissalsView.as_view(), name="dismissals"
    ),
    path(
        "api/v1/recommendations/dismissals/<path:sku>",
        recommendations_api.DismissalView.as_view(),
        name="dismissal",
    ),
    path("api/v1/reorder", reorder_api.ReorderView.as_view(), name="reorder"),
    path("api/v1/suggest", suggest_api.SuggestView.as_view(), name="suggest"),
    path(
        "api/v1/products/<path:sku>/complements",
        complements_api.ComplementsView.as_view(),
        name="complements",
    ),
    path("api/v1/products/<path:sku>", api.ProductView.as_view(), name="product"),
    path("leafloaf.js", served.script, name="script"),
    path("leafloaf.mjs", served.script, {"is_module": True}, name="module"),
    path("leafloaf-<str:version>.js", served.script, name="script-release"),
    path("leafloaf-<str:version>.mjs", served.script, {"is_module": True}, name="module-release"),
]
