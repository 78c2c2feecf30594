"""Keys for user tokens: made by staff or by command, kept encrypted, shown once, revoked, and noted when used."""

import io
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.core import checks
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from leafloaf.access import encryption, token_keys, tokens
from leafloaf.access.models import AuditEntry, TokenKey
from tests.access.signing import Signer, claims, es256, hs256, private_key, public_pem
from tests.staff.conftest import staff

pytestmark = pytest.mark.django_db

LIST = reverse("admin:access_tokenkey_changelist")
ADD = reverse("admin:access_tokenkey_add")


def made(*arguments: str) -> tuple[str, str]:
    """What `create_token_key` prints on stdout and on stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command("create_token_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def pem_file(folder: Path, pem: str) -> str:
    file = folder / "key.pem"
    file.write_text(pem)
    return str(file)


def is_believed(token: str) -> bool:
    try:
        return tokens.caller_of(token, datetime.now(UTC)).user_id == "user_123"
    except tokens.Refused:
        return False


# The command


def test_the_command_prints_id_and_secret_once() -> None:
    out, err = made("Shop", "--algorithm", "HS256")
    (_, kid), (_, secret) = (line.split() for line in out.splitlines())
    assert is_believed(jwt.encode(claims(), secret, algorithm="HS256", headers={"kid": kid}))
    assert len(secret) >= 43
    assert secret not in err
    assert "cannot be shown again" in err


def test_the_command_takes_a_public_key_and_prints_its_id_only(tmp_path: Path) -> None:
    key = private_key()
    out, _ = made("Shop", "--algorithm", "ES256", "--public-key", pem_file(tmp_path, public_pem(key)))
    [(_, kid)] = [line.split() for line in out.splitlines()]
    assert is_believed(jwt.encode(claims(), key, algorithm="ES256", headers={"kid": kid}))


def test_the_command_takes_the_shops_own_id_for_a_key() -> None:
    out, _ = made("Shop", "--algorithm", "HS256", "--kid", "2026-05")
    assert out.startswith("kid 2026-05\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["Taken", "--algorithm", "HS256"], "already exists"),
        (["New", "--algorithm", "HS256", "--kid", "taken"], "already exists"),
        (["New", "--algorithm", "HS256", "--kid", "a b"], "Letters, digits"),
        (["New", "--algorithm", "HS256", "--kid", "demo"], "public demo key"),
        (["New", "--algorithm", "ES256"], "PEM"),
        (["New", "--algorithm", "ES256", "--public-key", "/nowhere.pem"], "cannot be read"),
        (["x" * 101, "--algorithm", "HS256"], "at most 100"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], why: str) -> None:
    made("Taken", "--algorithm", "HS256", "--kid", "taken")
    with pytest.raises(CommandError, match=why):
        made(*arguments)
    assert TokenKey.objects.count() == 1


def spki(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def private_pem() -> str:
    return private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (private_pem(), "private key"),
        (spki(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (spki(rsa.generate_private_key(65537, 2048)), "P-256"),
        ("no key at all", "PEM"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "PEM"),
        ("", "PEM"),
    ],
)
def test_only_a_public_key_of_the_right_curve_is_taken(tmp_path: Path, pem: str, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        made("Shop", "--algorithm", "ES256", "--public-key", pem_file(tmp_path, pem))
    assert not TokenKey.objects.exists()


def test_a_secret_of_the_shops_own_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="HS256 has no public key"):
        made("Shop", "--algorithm", "HS256", "--public-key", pem_file(tmp_path, spki(private_key())))


def test_the_database_takes_no_key_without_its_half() -> None:
    for wrong in ({"algorithm": "HS256"}, {"algorithm": "ES256"}, {"algorithm": "none", "secret": b"x"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            TokenKey.objects.create(name="Shop", kid="k", **wrong)


# What is kept


def test_the_database_never_holds_a_secret() -> None:
    shop = hs256()
    assert isinstance(shop.key, str)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(t)::text, secret FROM access_tokenkey t")
        [(text, secret)] = cursor.fetchall()
    assert shop.key not in text
    assert shop.key.encode() not in bytes(secret)
    assert shop.key not in str(list(AuditEntry.objects.values()))


def test_what_is_encrypted_twice_looks_different_and_reads_the_same() -> None:
    one, other = (encryption.encrypt(b"secret", "k") for _ in range(2))
    assert one != other
    assert encryption.decrypt(one, "k") == encryption.decrypt(other, "k") == b"secret"


def test_what_was_moved_cut_or_changed_cannot_be_read() -> None:
    kept = encryption.encrypt(b"secret", "k")
    for changed, name in [
        (kept, "other"),
        (kept[:-1], "k"),
        (b"", "k"),
        (kept[:12], "k"),
        (bytes([kept[0] ^ 1]) + kept[1:], "k"),
    ]:
        with pytest.raises(encryption.Unreadable):
            encryption.decrypt(changed, name)


def test_a_new_secret_key_reads_what_the_former_wrote_while_it_is_named(settings: Settings) -> None:
    former = settings.SECRET_KEY
    shop = hs256()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [former]
    token_keys.forget()
    assert is_believed(shop.token())
    assert complaints() == []


def test_a_secret_that_cannot_be_read_costs_its_own_tokens_only_and_is_complained_of(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    shop, other = hs256(), es256()
    settings.SECRET_KEY = "another"
    token_keys.forget()
    with caplog.at_level(logging.ERROR):
        assert [is_believed(signer.token()) for signer in (shop, other)] == [False, True]
    assert "token key shared cannot be read" in caplog.text
    assert complaints() == ["access.W003"]


def complaints() -> list[str | None]:
    found = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    return [complaint.id for complaint in found if str(complaint.id).startswith("access.")]


# The demo's key


def demo_token() -> str:
    headers = {"kid": token_keys.DEMO_KID}
    return jwt.encode(claims(), token_keys.DEMO_SECRET, algorithm="HS256", headers=headers)


def test_the_demos_key_opens_a_demo_and_nothing_else(settings: Settings) -> None:
    settings.DEBUG = True
    assert [token_keys.add_demo(), token_keys.add_demo()] == [True, False]
    assert is_believed(demo_token())
    assert complaints() == []
    settings.DEBUG = False
    token_keys.forget()
    assert not is_believed(demo_token())
    assert complaints() == ["access.E002"]
    token_keys.revoke(TokenKey.objects.all(), by="tests")
    assert complaints() == []


# In a process's memory


def test_a_key_is_looked_up_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = hs256()
    assert is_believed(shop.token())
    token_keys.revoke(TokenKey.objects.all(), by="tests")
    monkeypatch.setattr(token_keys, "CACHE_SECONDS", 0.0)
    assert not is_believed(shop.token())


def test_guesses_cost_a_look_a_second(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(token_keys, "CACHE_SECONDS", 60.0)
    monkeypatch.setattr(token_keys, "LOOK_AGAIN_SECONDS", 60.0)
    shop = hs256()
    assert is_believed(shop.token())
    with django_assert_num_queries(0):
        assert not any(token_keys.find(f"guess {number}", datetime.now(UTC)) for number in range(50))
    monkeypatch.setattr(token_keys, "LOOK_AGAIN_SECONDS", 0.0)
    with django_assert_num_queries(2):
        assert token_keys.find("guess", datetime.now(UTC)) is None


def test_a_key_that_another_process_made_works_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = hs256()
    assert is_believed(known.token())
    ring = token_keys._ring
    new = es256()
    monkeypatch.setattr(token_keys, "_ring", ring)
    monkeypatch.setattr(token_keys, "LOOK_AGAIN_SECONDS", 0.0)
    assert is_believed(new.token())


def test_adding_and_revoking_are_known_in_this_process_when_they_are_committed(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    shop = hs256()
    assert is_believed(shop.token())
    with django_capture_on_commit_callbacks(execute=True):
        token_keys.revoke(TokenKey.objects.all(), by="tests")
    assert not is_believed(shop.token())


def test_when_a_key_was_last_used_is_known_to_ten_minutes() -> None:
    shop = hs256()
    now = datetime.now(UTC)

    def used_after(minutes: int) -> datetime | None:
        token_keys.note_use(shop.kid, now + timedelta(minutes=minutes))
        return TokenKey.objects.get().last_used_at

    assert TokenKey.objects.get().last_used_at is None
    assert used_after(0) == now
    assert used_after(9) == now
    assert used_after(10) == now + timedelta(minutes=10)


def test_a_token_that_is_refused_does_not_use_its_key() -> None:
    shop = hs256()
    assert not is_believed(shop.token(aud="other"))
    assert TokenKey.objects.get().last_used_at is None
    assert is_believed(shop.token())
    assert TokenKey.objects.get().last_used_at is not None


# In the admin


def form(**changes: str) -> dict[str, str]:
    return {
        "name": "Shop",
        "algorithm": "HS256",
        "public_key": "",
        "kid": "",
        "not_before_0": "2026-01-01",
        "not_before_1": "00:00:00",
    } | changes


@pytest.fixture
def officer(db: None) -> Client:
    """Staff who look after keys."""
    return staff(
        "officer",
        "access.view_tokenkey",
        "access.add_tokenkey",
        "access.change_tokenkey",
        "access.speak_for_users",
    )


def shown_secret(page: str) -> str:
    return page.split('id="secret">')[1].split("<")[0]


def test_staff_add_a_shared_secret_and_see_it_once(officer: Client) -> None:
    answer = officer.post(ADD, form(kid="may"))
    secret = shown_secret(answer.content.decode())
    assert is_believed(jwt.encode(claims(), secret, algorithm="HS256", headers={"kid": "may"}))
    assert "no-store" in answer.headers["Cache-Control"]
    key = TokenKey.objects.get()
    detail = reverse("admin:access_tokenkey_change", args=[key.pk])
    for address in (LIST, detail, reverse("admin:access_tokenkey_history", args=[key.pk])):
        page = officer.get(address, follow=True)
        assert page.status_code == 200
        assert secret not in page.content.decode()
    assert list(AuditEntry.objects.values_list("actor", "action", "target")) == [
        ("officer", "add token key", "may")
    ]


def test_staff_add_a_public_key(officer: Client) -> None:
    key = private_key()
    answer = officer.post(ADD, form(algorithm="ES256", public_key=spki(key)), follow=True)
    assert 'id="secret"' not in answer.content.decode()
    kid = TokenKey.objects.get().kid
    assert is_believed(jwt.encode(claims(), key, algorithm="ES256", headers={"kid": kid}))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"algorithm": "ES256"}, "no public key in PEM"),
        ({"algorithm": "ES256", "public_key": private_pem()}, "This is a private key"),
        ({"public_key": "-----BEGIN"}, "HS256 has no public key"),
        ({"kid": "demo"}, "public demo key"),
        ({"kid": "a b"}, "Letters, digits"),
        ({"algorithm": "none"}, "valid choice"),
    ],
)
def test_the_form_says_what_is_wrong(officer: Client, changes: dict[str, str], why: str) -> None:
    page = officer.post(ADD, form(**changes)).content.decode()
    assert why.replace("'", "&#x27;") in page
    assert not TokenKey.objects.exists()


def test_staff_revoke_keys_and_it_is_audited(
    officer: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    shop, other = hs256(), es256()
    assert is_believed(shop.token())
    chosen = {"action": "revoke", "_selected_action": [TokenKey.objects.get(kid=shop.kid).pk]}
    for expected in ("1 key revoked", "0 keys revoked"):
        with django_capture_on_commit_callbacks(execute=True):
            page = officer.post(LIST, chosen, follow=True).content.decode()
        assert expected in page
    assert [is_believed(signer.token()) for signer in (shop, other)] == [False, True]
    assert list(AuditEntry.objects.filter(action="revoke token key").values_list("actor", "target")) == [
        ("officer", shop.kid)
    ]


def test_nobody_changes_or_deletes_a_key(admin_client: Client) -> None:
    shop: Signer = hs256()
    key = TokenKey.objects.get()
    assert admin_client.post(reverse("admin:access_tokenkey_delete", args=[key.pk])).status_code == 403
    changed = admin_client.post(reverse("admin:access_tokenkey_change", args=[key.pk]), form(name="Mine"))
    assert changed.status_code == 403
    assert is_believed(shop.token())


def test_who_may_only_look_neither_adds_nor_revokes(officer: Client) -> None:
    shop = hs256()
    onlooker = staff("onlooker", "access.view_tokenkey")
    assert onlooker.get(LIST).status_code == 200
    assert onlooker.post(ADD, form()).status_code == 403
    onlooker.post(LIST, {"action": "revoke", "_selected_action": [TokenKey.objects.get().pk]}, follow=True)
    token_keys.forget()
    assert is_believed(shop.token())
    assert staff("passer-by").get(LIST).status_code == 403
