from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class StaffConfig(AppConfig):
    name = "leafloaf.staff"
    label = "staff"

    def ready(self) -> None:
        from leafloaf.staff import checks  # noqa: F401 (registers the check of DASHBOARDS)


class StaffAdminConfig(AdminConfig):
    """Django's admin with our site as the default one."""

    default_site = "leafloaf.staff.site.StaffSite"
