import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client


@pytest.fixture
def baker(db: None) -> Client:
    """Signed in, staff, and allowed to see groups."""
    return staff("baker", "auth.view_group")


@pytest.fixture
def passer_by(db: None) -> Client:
    """Signed in and staff, allowed nothing."""
    return staff("passer-by")


def staff(name: str, *permissions: str) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    return client
