from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    name = "leafloaf.storefront"
    label = "storefront"
