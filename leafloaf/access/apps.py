from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "leafloaf.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from leafloaf.access import checks, openapi  # noqa: F401 (both register themselves)
        from leafloaf.access.throttling import checks as throttling_checks  # noqa: F401 (likewise)
