from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "leafloaf.catalog"
    label = "catalog"
    verbose_name = "Catalogue"
