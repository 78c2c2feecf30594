"""Forms sent from elsewhere, sessions known beforehand, links used twice, and ways out to other sites."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from privacy import links
from privacy.pages import sessions
from tests.access.matrix import policy, world
from tests.access.matrix.credentials import OWN_SESSION
from tests.access.matrix.policy import PERSON
from tests.access.matrix.staff_policy import STAFF
from tests.access.matrix.world import World

pytestmark = pytest.mark.django_db
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "https:evil.example",
    "javascript:alert(1)",
]


def strict(cookies: dict[str, str]) -> Client:
    """A browser whose forms are checked as in the shop."""
    client = Client(enforce_csrf_checks=True)
    client.cookies.load(cookies)
    return client


@pytest.mark.parametrize("route", STAFF)
def test_no_form_of_staff_is_taken_from_another_site(shop: World, route: str) -> None:
    """Without the token of the page; and with a token, from another origin."""
    client = strict(shop.cookies[policy.SUPERUSER])
    refused = client.post(shop.address(route))
    assert (refused.status_code, "CSRF" in refused.content.decode()) == (403, True)
    page = client.get("/admin/password_change/")
    token = page.context["csrf_token"]
    answer = client.post(
        shop.address(route), {"csrfmiddlewaretoken": str(token)}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("route", [*PERSON, "privacy/leave", "privacy/enter/<str:token>"])
def test_nor_one_of_a_person(shop: World, route: str) -> None:
    refused = strict(shop.cookies[OWN_SESSION]).post(shop.address(route))
    assert refused.status_code == 403
    assert "privacy/pages/forged.html" in [template.name for template in refused.templates]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("route", [route for route, its in PERSON.items() if "POST" in its.methods])
def test_looking_changes_nothing(shop: World, method: str, route: str) -> None:
    """What a form does is not done by following its address."""
    from privacy.models import DataExport, DeletionRequest, PrivacySettings

    def everything() -> list[object]:
        return [
            list(model.objects.order_by("pk").values())
            for model in (DataExport, DeletionRequest, PrivacySettings)
        ]

    before = everything()
    client = Client()
    client.cookies.load(shop.cookies[OWN_SESSION])
    client.generic(method, shop.address(route))
    assert everything() == before


def test_a_session_known_beforehand_is_not_the_one_that_is_signed_in(shop: World) -> None:
    """Session fixation, of staff: the password makes a new one."""
    User.objects.create_superuser("fixed", password="leaf-and-loaf")
    client = Client()
    client.cookies.load({"sessionid": "attackerschoice0attackerschoice0"})
    client.post("/admin/login/", {"username": "fixed", "password": "leaf-and-loaf"})
    assert client.cookies["sessionid"].value != "attackerschoice0attackerschoice0"
    session = client.session
    session["planted"] = "yes"
    session.save()
    known = session.session_key
    client.post("/admin/login/", {"username": "fixed", "password": "leaf-and-loaf"})
    assert client.session.session_key != known or client.session.get("_auth_user_id")


def test_nor_is_one_of_a_privacy_page(shop: World) -> None:
    token, _ = links.make(world.OWNER)
    client = Client()
    client.cookies.load({sessions.COOKIE: "attackerschoice0attackerschoice0"})
    client.post(f"/privacy/enter/{token}")
    assert client.cookies[sessions.COOKIE].value != "attackerschoice0attackerschoice0"
    assert client.get("/privacy/").context["session"]


def test_the_session_of_one_kind_opens_nothing_of_the_other(shop: World) -> None:
    own = shop.cookies[OWN_SESSION][sessions.COOKIE]
    assert strict({"sessionid": own}).get("/admin/").status_code == 302
    staff = shop.cookies[policy.SUPERUSER]["sessionid"]
    page = strict({sessions.COOKIE: staff}).get("/privacy/")
    assert "privacy/pages/closed.html" in [template.name for template in page.templates]


def test_a_link_used_once_opens_nothing_again(shop: World) -> None:
    token, _ = links.make(world.OWNER)
    assert Client().post(f"/privacy/enter/{token}").status_code == 302
    again = Client()
    assert again.post(f"/privacy/enter/{token}").status_code == 410
    assert again.get(f"/privacy/enter/{token}").status_code == 410
    assert sessions.COOKIE not in again.cookies


@pytest.mark.parametrize("target", ELSEWHERE)
def test_signing_in_leads_nowhere_else(shop: World, target: str) -> None:
    User.objects.create_superuser("fixed", password="leaf-and-loaf")
    answer = Client().post(
        "/admin/login/",
        {"username": "fixed", "password": "leaf-and-loaf", "next": target},
        query_params={"next": target},
    )
    assert answer.status_code in {200, 302}
    assert "evil" not in answer.headers.get("Location", "").partition("?")[0]
    assert not answer.headers.get("Location", "").startswith(("//", "https:", "javascript:"))


@pytest.mark.parametrize("target", ELSEWHERE)
def test_neither_does_anything_else_that_is_told_where_to_go_on(shop: World, target: str) -> None:
    client = Client()
    client.cookies.load(shop.cookies[policy.SUPERUSER])
    for path in (
        "/admin/people/open/",
        "/admin/login/",
        "/admin/logout/",
        "/privacy/leave",
        "/admin/second-factor/",
    ):
        values = {"next": target, "user_id": world.OWNER, "reason": "asked", "lang": target}
        for answer in (client.post(path, values, query_params={"next": target}), client.get(path, values)):
            location = answer.headers.get("Location", "")
            assert not location.startswith(("//", "/\\", "http", "javascript:")), (path, location)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "testserver:80@evil.example", "evil.example\\testserver"],
)
@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/privacy/", "/api/v1/search", "/health"])
def test_another_host_is_not_served(shop: World, host: str, path: str) -> None:
    answer = Client(raise_request_exception=False).get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in str(answer.headers)


def test_a_link_does_not_lead_where_a_forwarded_host_says(shop: World) -> None:
    answer = Client().post(
        "/api/v1/privacy/links",
        "{}",
        "application/json",
        headers={
            "Authorization": f"Bearer {shop.keys['a secret key']}",
            "X-User-Id": world.OWNER,
            "X-Forwarded-Host": "evil.example",
            "Forwarded": "host=evil.example",
        },
    )
    assert answer.status_code == 201
    assert answer.json()["url"].startswith("http://testserver/privacy/enter/")


@pytest.mark.parametrize("language", ["en\r\nX-Evil: 1", "../../fr", "<script>", "fr'--", "x" * 5000])
def test_a_language_is_one_of_ours(shop: World, language: str) -> None:
    answer = Client().get(
        "/privacy/",
        query_params={"lang": language},
        headers={"Accept-Language": language[:200].replace("\r\n", " ")},
    )
    assert answer.status_code == 200
    assert answer.headers.get("X-Evil") is None
    assert "leafloaf_privacy_language" not in answer.cookies
