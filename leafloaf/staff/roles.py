"""What each role may do. A role is one of Django's groups.

`grant` runs after every `migrate`, when all models are there: it gives a role what the table says and it lacks, and
never takes away what a shop has added. A shop that wants less than a role gives makes a group of its own: what is taken
out of one of these comes back with the next `migrate`, so that a role means the same in every shop, and an upgrade
brings a page together with those who may see it.
"""

from typing import Any

from django.apps import apps as installed
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import DEFAULT_DB_ALIAS

SUPPORT = (
    "privacy.lookup_person",
    "privacy.view_deletionrequest",
    "privacy.add_deletionrequest",
    "privacy.change_deletionrequest",
)
ROLES: dict[str, tuple[str, ...]] = {
    "Support": SUPPORT,
    "Privacy officer": (
        *SUPPORT,
        "privacy.approve_deletionrequest",
        "privacy.view_metrics",
        "privacy.view_consentrecord",
        "access.view_auditentry",
    ),
    # Numbers of many people; nothing of one.
    "Analyst": (
        "storefront.view_searchreport",
        "personalization.view_dailyproduct",
        "personalization.view_learnedversion",
        "capture.view_volume",
        "capture.view_rejectioncount",
        "privacy.view_metrics",
    ),
    # No role makes secret keys or token keys (`access.speak_for_users`): who has one reads what is known of anybody,
    # and nobody writes it down. An event says whose it is only to who may look at a person.
    "Operator": (
        "capture.view_sink",
        "capture.change_sink",
        "capture.view_event",
        "capture.view_volume",
        "capture.view_outboxbatch",
        "capture.view_reading",
        "capture.view_horizonreading",
        "capture.view_rejectioncount",
        "capture.view_connectiontest",
        "capture.view_ledgerday",
        "capture.view_schemadrift",
        "capture.view_deadletter",
        "capture.change_deadletter",
        "personalization.view_learnedversion",
        "personalization.change_learnedversion",
        "access.view_apiclient",
        "access.add_apiclient",
        "access.change_apiclient",
        "access.rotate_apiclient",
        "access.view_tokenkey",
        "access.change_tokenkey",
        "access.view_auditentry",
        "staff.view_failedsignin",
        "staff.unlock_signin",
        "staff.view_authenticator",
        "staff.reset_authenticator",
    ),
    # Searches that found nothing are what synonyms are made of.
    "Merchandiser": (
        *(
            f"catalog.{act}_{model}"
            for model in ("product", "offer", "synonym", "merchandisingrule")
            for act in ("view", "add", "change", "delete")
        ),
        "catalog.view_category",
        "catalog.view_brand",
        "catalog.view_supplier",
        "storefront.view_searchreport",
    ),
}


def grant(using: str = DEFAULT_DB_ALIAS, apps: Apps = installed, **_: Any) -> None:
    """Gives every role what the table says, as Django's `post_migrate` calls it; again, it changes nothing.

    Args:
        apps: the models as the migrations of this run know them; there may be no groups yet.
    """
    try:
        groups = apps.get_model("auth", "Group").objects.using(using)
        permissions = apps.get_model("auth", "Permission").objects.using(using)
    except LookupError:
        return
    _make_permissions(using, apps)
    groups.bulk_create([groups.model(name=name) for name in ROLES], ignore_conflicts=True)
    of_role = dict(groups.filter(name__in=ROLES).values_list("name", "pk"))
    of_name = {
        f"{label}.{codename}": pk
        for label, codename, pk in permissions.values_list("content_type__app_label", "codename", "pk")
    }
    links = groups.model.permissions.through
    links.objects.using(using).bulk_create(
        [
            links(group_id=of_role[role], permission_id=of_name[name])
            for role, names in ROLES.items()
            for name in names
            if name in of_name
        ],
        ignore_conflicts=True,
    )


def _make_permissions(using: str, apps: Apps) -> None:
    """Django makes those of each application in its turn, and most come after this package's."""
    labels = {name.partition(".")[0] for names in ROLES.values() for name in names}
    for label in sorted(labels):
        create_permissions(installed.get_app_config(label), verbosity=0, using=using, apps=apps)
