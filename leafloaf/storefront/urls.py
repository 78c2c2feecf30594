from django.urls import path

from leafloaf.storefront import api, suggest_api

urlpatterns = [
    path("api/v1/search", api.SearchView.as_view(), name="search"),
    path("api/v1/suggest", suggest_api.SuggestView.as_view(), name="suggest"),
    path("api/v1/products/<path:sku>", api.ProductView.as_view(), name="product"),
]
