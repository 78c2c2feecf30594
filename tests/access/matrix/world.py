"""Two users of a shop with something of everything, everybody who may come, and what each brings along."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from capture import ingest, partitions
from capture.models import (
    ConnectionTest,
    Event,
    HorizonReading,
    LedgerDay,
    Reading,
    RejectionCount,
    SchemaDrift,
    Sink,
    Volume,
)
from leafloaf.access import audit, keys, token_keys
from leafloaf.access.models import ApiClient, ApiKey, TokenKey
from leafloaf.catalog.models import Brand, Category, MerchandisingRule, Product, Supplier, Synonym
from leafloaf.staff.models import FailedSignIn
from personalization.models import LearnedVersion
from personalization.recommending import dismissals
from privacy import consent, exporting, links, lookups, subjects, tombstones
from privacy.erasure import certificate
from privacy.models import Actor, DeletionRequest, DeletionStep, LookupReason
from privacy.pages import sessions
from tests.access import signing
from tests.access.matrix import policy
from tests.access.matrix.credentials import OTHERS_SESSION, OWN_SESSION, Credential, Speaks
from tests.access.matrix.signed_in import signed_in
from tests.access.signing import Signer
from tests.capture import outbox_rows as rows
from tests.privacy.shelf import HOLDERS

OWNER, OTHER = "user_ann", "user_ben"
USERS = {Speaks.OWNER: OWNER, Speaks.OTHER: OTHER}
SKU = "MILK_1"
OWN_PAGE, OTHER_PAGE = "https://shop.example", "https://elsewhere.example"
SETTINGS: dict[str, Any] = {
    "DATA_HOLDERS": HOLDERS,
    "EXPORT_INFERENCES": [],
    "STAFF_TWO_FACTOR": True,
    "THROTTLES": {},
}
MODEL_OF = re.compile(r"admin/(\w+)/(\w+)/<path:object_id>/")


@dataclass
class World:
    """What addresses and credentials stand for. `tokens` and `keys` by the names of `credentials`."""

    keys: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def address(self, route: str) -> str:
        """A route with the owner's objects in the place of its parameters."""
        if found := MODEL_OF.match(route):
            row = apps.get_model(found[1], found[2])._default_manager.order_by("pk").first()
            assert row is not None, f"The world has no {found[1]}.{found[2]}"
            route = route.replace("<path:object_id>", str(row.pk))
        for parameter, value in self.values.items():
            route = route.replace(parameter, value)
        return "/" + route

    def of_api(self, credential: Credential) -> tuple[dict[str, str], dict[str, str], str]:
        """Headers, cookies and query of a credential of the API."""
        headers = {"X-User-Id": USERS[credential.names]} if credential.names else {}
        name = credential.name.removesuffix(" that names a user")
        if "from the shop's page" in name or "from its page" in name:
            headers["Origin"] = OWN_PAGE
        elif "page" in name and "privacy" not in name:
            headers["Origin"] = OTHER_PAGE
        if name in self.cookies:
            return headers, self.cookies[name], ""
        shown = self.shown(credential)
        if name.endswith("in the address"):
            return headers, {}, f"?key={shown}"
        return headers | ({"Authorization": scheme(name, shown)} if shown else {}), {}, ""

    def shown(self, credential: Credential) -> str:
        """The key or the token itself."""
        name = credential.name
        if name in self.keys or name in self.tokens:
            return self.keys.get(name) or self.tokens[name]
        for start, known in self.keys.items():
            if name.startswith(start):
                return known
        if "user token" in name:
            return self.tokens[
                "another's user token" if name.startswith("another's") else "the owner's user token"
            ]
        return ""

    def of_page(self, who: str) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and cookies of who comes to a page."""
        bearer = self.keys["a secret key"] if who == "a secret key" else self.tokens.get(who)
        return ({"Authorization": f"Bearer {bearer}"} if bearer else {}), self.cookies.get(who, {})


def scheme(name: str, shown: str) -> str:
    return f"Basic {shown}" if "Basic" in name else f"Bearer {shown}"


@contextmanager
def standing() -> Iterator[World]:
    """The world, until it is rolled back."""
    with override_settings(**SETTINGS), rolled_back():
        yield build()
    keys.forget()


@contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction that leaves nothing; inside it one may ask to be the outermost, as in Django's own tests."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


def build() -> World:
    """Everything, in the transaction that is open."""
    partitions.ensure()
    world = World()
    fill_catalogue()
    add_keys(world)
    add_tokens(world)
    add_person(world)
    add_flow()
    add_staff(world)
    add_sessions(world)
    add_lookup(world)
    return world


def fill_catalogue() -> None:
    brand, supplier = Brand.objects.create(name="Oatly"), Supplier.objects.create(name="Dairy & Co")
    shelf = Category.objects.create(name="Dairy")
    Product.objects.create(sku=SKU, name="Milk", brand=brand, category=shelf, supplier=supplier)
    Synonym.objects.create(term="lait", replacements=["milk"])
    MerchandisingRule.objects.create(name="Milk first", action="boost", factor=2, query="milk", brand=brand)
    LearnedVersion.objects.create(
        lines=1,
        shoppers=1,
        products=1,
        days=1,
        is_learned=False,
        is_reorder_learned=False,
        figures={},
        content=b"",
    )


def add_keys(world: World) -> None:
    secret, browser = ApiClient.Kind.SECRET, ApiClient.Kind.PUBLISHABLE
    add = world.keys.__setitem__
    for scope in keys.SCOPES:
        add(f"a secret key for {scope} alone", keys.create(f"Only {scope}", secret, [scope]))
    add("a secret key without scopes", keys.create("None", secret))
    ApiClient.objects.filter(name="None").update(scopes=[])
    for kind, name in ((secret, "a secret key, revoked"), (browser, "a publishable key, revoked")):
        add(name, keys.create(name, kind))
        ApiClient.objects.filter(name=name).update(revoked_at=timezone.now())
    add("a secret key, rotated out", rotated_out(keys.create("Rotated", secret)))
    add("a publishable key", keys.create("Pages", browser, origins=[OWN_PAGE]))
    add("a secret key", keys.create("Server", secret))
    add("garbage", "\u00e9{}..")
    add("a password (Basic)", "b2xpdmU6bGVhZg==")
    add("an unknown key", "sk_" + "x" * 43)
    keys.forget()


def rotated_out(key: str) -> str:
    """A key whose client got another one, longer ago than both worked."""
    ApiKey.objects.filter(client__name="Rotated").update(expires_at=timezone.now() - timedelta(seconds=1))
    return key


def add_tokens(world: World) -> None:
    shared, pair, ended = signing.hs256(), signing.es256(), signing.hs256("ended")
    TokenKey.objects.filter(kid="ended").update(revoked_at=timezone.now())
    token_keys.forget()
    assert not isinstance(pair.key, str)
    now = int(time.time())
    good = signing.claims(sub=OWNER)
    pem = signing.public_pem(pair.key)
    world.tokens |= {
        "the owner's user token": pair.token(sub=OWNER),
        "another's user token": shared.token(sub=OTHER),
        "a user token in the address": pair.token(sub=OWNER),
        "a user token, expired": pair.token(sub=OWNER, iat=now - 900, exp=now - 60),
        "a user token for another audience": pair.token(sub=OWNER, aud="another shop"),
        "a user token of 16 minutes": pair.token(sub=OWNER, exp=now + 16 * 60),
        "a user token without a signature (alg none)": jwt.encode(
            good, "", algorithm="none", headers={"kid": pair.kid}
        ),
        "a user token signed with the public key as an HS256 secret": signed_with(pem, pair.kid, good),
        "a user token with an unknown kid": pair.token(sub=OWNER, headers={"kid": "unknown"}),
        "a user token signed by another's key": Signer(pair.kid, "ES256", signing.private_key()).token(
            sub=OWNER
        ),
        "a user token of a revoked key": ended.token(sub=OWNER),
    }


def signed_with(pem: str, kid: str, claims: Mapping[str, Any]) -> str:
    """PyJWT refuses to sign with a public key, so its own parts are put together here."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    unsigned = jwt.encode(dict(claims), "x" * 32, algorithm="HS256", headers={"kid": kid}).rpartition(".")[0]
    signature = algorithm.sign(unsigned.encode(), pem.encode())
    return f"{unsigned}.{jwt.utils.base64url_encode(signature).decode()}"


def add_person(world: World) -> None:
    """The owner's objects: an export that is ready, an earlier erasure with its certificate, a dismissal, choices."""
    known = subjects.resolve([OWNER, OTHER])
    consent.change(known[OWNER], {"personalization_enabled": True, "data_retention_days": 30}, Actor.USER)
    dismissals.add(known[OWNER], SKU)
    export = exporting.ask(OWNER)
    exporting.make_due()
    world.values |= {
        "<uuid:export_id>": str(export.pk),
        "<uuid:request_id>": str(erased_before(OWNER).pk),
        "<path:sku>": SKU,
        "<str:token>": links.make(OTHER)[0],
        "<str:version>": "1.0.0",
    }


def add_lookup(world: World) -> None:
    """Of the owner, by support."""
    lookup = lookups.open_for(OWNER, "support", "", LookupReason.QUESTION)
    assert lookup is not None
    event = Event.objects.filter(subject_id=lookup.subject_id).first()
    assert event is not None
    world.values |= {
        "<uuid:lookup_id>": str(lookup.pk),
        "<int:event>": str(event.pk),
        "<int:number>": str(event.pk),
        "<uuid:pk>": str(ApiClient.objects.get(name="Only search").pk),
    }


def erased_before(user_id: str) -> DeletionRequest:
    now = timezone.now()
    request = DeletionRequest.objects.create(
        user_hash=tombstones.hash_of(user_id),
        state=DeletionRequest.State.CERTIFIED,
        fenced_at=now,
        ended_at=now,
    )
    DeletionStep.objects.create(
        request=request, holder="shelf", store="postgres", phase=1, state="absent", presence="absent"
    )
    with transaction.atomic():
        certificate.issue(request, now)
    return request


def add_flow() -> None:
    """Rows that staff look at."""
    ingest.accept([b'{"event_type": "search", "query": "milk", "session_id": "session_abc"}'])
    own = b'{"event_type": "search", "query": "milk", "session_id": "session_ann", "user_id": "user_ann"}'
    ingest.accept([own], lambda _: OWNER)
    now = datetime.now(UTC)
    batch = rows.batch("redis", 1, now)
    rows.dead_letter(batch, "e-1", "no such field")
    sink, _ = Sink.objects.get_or_create(name="redis")
    ConnectionTest.objects.get_or_create(sink=sink, defaults={"asked_at": now, "asked_by": "olive"})
    HorizonReading.objects.get_or_create(taken_at=now, defaults={"xid": 1, "age_seconds": 1})
    Volume.objects.get_or_create(hour=now, event_type="search", defaults={"count": 1})
    RejectionCount.objects.create(hour=now, event_type="search", code="missing", pointer="/query", count=1)
    FailedSignIn.objects.create(username="olive", ip_address="127.0.0.1", failures_since_start=1)
    Reading.objects.bulk_create([rows.reading("redis", now)])
    LedgerDay.objects.all().delete()
    rows.account("redis", now.date(), 1)
    SchemaDrift.objects.create(
        sink="bigquery", table="t", column="c", difference="is missing", remedy="add it"
    )
    audit.record("olive", "pause", "redis")


def add_staff(world: World) -> None:
    for role in policy.ROLES:
        user = User.objects.create_user(role.lower().replace(" ", "-"), is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        world.cookies[role] = cookies_of(signed_in(user))
    world.cookies[policy.ROLELESS] = cookies_of(signed_in(User.objects.create_user("new", is_staff=True)))
    world.cookies["a customer's account"] = cookies_of(signed_in(User.objects.create_user("customer")))
    olive = User.objects.create_superuser("olive")
    world.cookies[policy.SUPERUSER] = world.cookies["the session of a superuser"] = cookies_of(
        signed_in(olive)
    )
    world.cookies["a superuser without a second factor"] = cookies_of(
        signed_in(olive, has_second_factor=False)
    )
    former = User.objects.create_superuser("former")
    world.cookies["a former superuser"] = cookies_of(signed_in(former))
    User.objects.filter(pk=former.pk).update(is_active=False)
    world.values |= {
        "<id>": str(former.pk),
        "<int:version>": str(LearnedVersion.objects.get().pk),
        "<path:content_type_id>/<path:object_id>": f"{ContentType.objects.get_for_model(Product).pk}/1",
        "admin/autocomplete/": "admin/autocomplete/?app_label=catalog&model_name=product&field_name=brand&term=a",
        "admin/(?P<url>.*)$": "admin/nothing/here/",
        "^api(/|$)": "api/v1/nothing",
        "privacy/.*": "privacy/nothing/here",
    }


def cookies_of(client: Client) -> dict[str, str]:
    return {name: morsel.value for name, morsel in client.cookies.items()}


def add_sessions(world: World) -> None:
    """Of privacy pages."""
    own, left = entered(OWNER), entered(OWNER)
    sessions.PersonSession(left).delete()
    world.cookies |= {
        name: {sessions.COOKIE: value}
        for name, value in {
            OWN_SESSION: own,
            OTHERS_SESSION: entered(OTHER),
            "the session of a privacy page": own,
            "a session that was left": left,
            "a made-up session": "x" * 32,
        }.items()
    }
    world.cookies["a made-up session"]["sessionid"] = "x" * 32


def entered(user_id: str) -> str:
    """The cookie of who followed a link."""
    link = links.use(links.make(user_id)[0])
    assert link is not None
    response = HttpResponse()
    sessions.begin(RequestFactory().get("/privacy/"), response, link)
    return response.cookies[sessions.COOKIE].value
