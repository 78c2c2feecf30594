from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class StaffConfig(AppConfig):
    name = "leafloaf.staff"
    label = "staff"
    verbose_name = "Staff"

    def ready(self) -> None:
        from axes.signals import user_locked_out
        from django.contrib.auth.signals import user_logged_in
        from django.db.models.signals import post_migrate

        from leafloaf.staff import checks, roles  # noqa: F401 (registers the check of DASHBOARDS)
        from leafloaf.staff.signing_in import lock_out, sessions

        # What Django and axes tell of no other way.
        post_migrate.connect(roles.grant, sender=self)
        user_logged_in.connect(sessions.begin)
        user_locked_out.connect(lock_out.note)


class StaffAdminConfig(AdminConfig):
    """Django's admin with our site as the default one."""

    default_site = "leafloaf.staff.site.StaffSite"
