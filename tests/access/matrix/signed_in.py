"""How tests sign staff in without a browser."""

import secrets

from django.contrib.auth.models import User
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY

from leafloaf.staff.models import Authenticator


def signed_in(user: User, *, has_second_factor: bool = True) -> Client:
    """A browser in which this user has given the password, and the code of an app unless told otherwise."""
    client = Client()
    client.force_login(user)
    if has_second_factor:
        app = Authenticator(user=user, name="App", confirmed=True)
        app.seal(secrets.token_bytes(20))
        app.save()
        session = client.session
        session[DEVICE_ID_SESSION_KEY] = app.persistent_id
        session.save()
    return client
