"""How tests get into a person's pages."""

from urllib.parse import urlsplit

from django.test import Client

from privacy import links
from privacy.pages import sessions

HOME = "/privacy/"


def signed_in(user_id: str = "user_1", client: Client | None = None) -> Client:
    """A browser that followed a link of the shop and pressed the button."""
    client = client or Client()
    token, _ = links.make(user_id)
    answer = client.post(f"/privacy/enter/{token}")
    assert (answer.status_code, answer.headers["Location"]) == (302, HOME)
    return client


def path_of(url: str) -> str:
    return urlsplit(url).path


def session_of(client: Client) -> sessions.PersonSession:
    return sessions.PersonSession(client.cookies[sessions.COOKIE].value)
