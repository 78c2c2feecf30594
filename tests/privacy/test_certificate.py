"""Certificates: what they say, what they never say, and that no byte of them can be changed."""

import base64
import html
import io
import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from pytest_django import Settings

from leafloaf.access.models import AuditEntry
from privacy.certificate_words import WORDS
from privacy.erasure import canonical, certificate, certificate_keys
from privacy.erasure.certificate import NotGenuine, NotProven
from privacy.models import Certificate, CertificateKey, DeletionRequest, DeletionStep
from tests.privacy.shelf import HOLDERS

AT = datetime(2026, 11, 20, 9, 30, 41, 123456, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def holders_of_tests(settings: Settings) -> None:
    settings.DATA_HOLDERS = HOLDERS


def verified(**changes: Any) -> DeletionRequest:
    """A request whose steps were all read again, by somebody of the staff, after many attempts."""
    request = DeletionRequest.objects.create(
        **{
            "subject_id": uuid4(),
            "user_hash": os.urandom(32),
            "sessions": ["session_abc"],
            "state": DeletionRequest.State.VERIFIED,
            "requested_by": "olive",
            "approved_by": "oscar",
            "reason": "They telephoned",
            "created_at": AT,
            "fenced_at": AT + timedelta(seconds=2),
            "verified_at": AT + timedelta(minutes=7),
        }
        | changes
    )
    for phase, holder in enumerate(("shelf", "copy", "identity"), start=1):
        DeletionStep.objects.create(
            request=request,
            holder=holder,
            store="redis" if holder == "copy" else "postgres",
            phase=phase,
            state=DeletionStep.State.ABSENT,
            presence=DeletionStep.Presence.ABSENT,
            planned=10 * phase,
            attempts=phase,
            failures=1,
            purged_at=AT + timedelta(minutes=phase),
            verified_at=AT + timedelta(minutes=6),
            residual_until=AT + timedelta(days=7) if holder == "copy" else None,
            last_error="It did not answer",
        )
    return request


def file_of(request: DeletionRequest) -> bytes:
    with transaction.atomic():
        return certificate.as_file(certificate.issue(request, AT))


def parts_of(file: bytes) -> Any:
    return json.loads(file)


@pytest.fixture
def file(db: None) -> bytes:
    return file_of(verified())


def test_it_says_what_was_asked_what_went_and_what_was_found_afterwards(db: None) -> None:
    request = verified()
    content = certificate.content_of(request)
    assert content | {"statement": ""} == {
        "version": 1,
        "id": str(request.pk),
        "kind": "erasure",
        "statement": "",
        "before": None,
        "asked_at": "2026-11-20T09:30:00Z",
        "fenced_at": "2026-11-20T09:30:00Z",
        "purged_at": "2026-11-20T09:33:00Z",
        "verified_at": "2026-11-20T09:37:00Z",
        "holders": [
            {
                "holder": holder,
                "store": store,
                "title": title,
                "removed": removed,
                "presence": "absent",
                "residual_until": until,
                "verified_by": content["holders"][number]["verified_by"],
            }
            for number, (holder, store, title, removed, until) in enumerate(
                [
                    ("shelf", "postgres", "A shelf", 10, None),
                    ("copy", "redis", "A copy", 20, "2026-11-27"),
                    ("identity", "postgres", "Who it is", 30, None),
                ]
            )
        ],
    }
    assert "nothing of that person was found" in content["statement"]
    assert all(one["verified_by"].endswith(".") for one in content["holders"])


def test_a_retention_says_up_to_when(db: None) -> None:
    content = certificate.content_of(verified(kind=DeletionRequest.Kind.RETENTION, before=AT, fenced_at=None))
    assert (content["kind"], content["before"], content["fenced_at"]) == (
        "retention",
        "2026-11-20T09:30:00Z",
        None,
    )
    assert "before the given time" in content["statement"]


def test_it_says_nothing_of_the_person_nor_of_staff(db: None) -> None:
    request = verified()
    file = file_of(request).decode()
    held = [str(request.subject_id), request.subject_id.hex, "session_abc", "olive", "oscar", "telephoned"]  # type: ignore[union-attr]
    hashed = bytes(request.user_hash)
    for word in [*held, hashed.hex(), base64.b64encode(hashed).decode(), "did not answer"]:
        assert word not in file


def test_how_often_something_was_tried_changes_nothing(db: None) -> None:
    request = verified()
    before = certificate.content_of(request)
    request.steps.update(attempts=99, failures=7, last_error="again", lease_token=uuid4(), plan={"more": 1})
    assert certificate.content_of(request) == before


@pytest.mark.parametrize("presence", [one for one in DeletionStep.Presence.values if one != "absent"])
def test_only_what_was_read_again_and_found_absent_is_certified(db: None, presence: str) -> None:
    request = verified()
    request.steps.filter(holder="copy").update(presence=presence)
    with pytest.raises(NotProven):
        certificate.issue(request, AT)
    assert not Certificate.objects.exists()


def test_a_request_without_steps_proves_nothing(db: None) -> None:
    request = verified()
    request.steps.all().delete()
    with pytest.raises(NotProven):
        certificate.issue(request, AT)


def test_a_request_has_one_certificate_however_often_it_is_issued(db: None) -> None:
    request = verified()
    first = certificate.issue(request, AT)
    assert certificate.issue(request, AT + timedelta(days=1)).document == first.document
    assert Certificate.objects.count() == CertificateKey.objects.count() == 1


def test_what_is_signed_is_canonical(file: bytes) -> None:
    held = Certificate.objects.get()
    assert canonical.encode(json.loads(held.document)).decode() == held.document
    assert canonical.encode(json.loads(file)) == file
    certificate.verify(held.document.encode(), held.signature, certificate_keys.public_key(held.kid))


def test_any_tool_that_sorts_keys_can_verify(file: bytes) -> None:
    parts = parts_of(file)
    document = json.dumps(
        parts["certificate"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(parts["public_key"]))
    key.verify(base64.b64decode(parts["signature"]), document)


def test_every_byte_of_a_file_counts(file: bytes) -> None:
    for place in range(len(file)):
        for flip in (0x01, 0x20, 0x80):
            with pytest.raises(NotGenuine):
                certificate.check(file[:place] + bytes([file[place] ^ flip]) + file[place + 1 :])


@tried(deadline=None)
@given(st.data())
def test_no_change_of_the_bytes_passes(data: st.DataObject) -> None:
    document = canonical.encode({"kid": KID, "statement": "Erased – for good.", "removed": 10})
    signature = base64.b64encode(KEY.sign(document)).decode()
    certificate.verify(document, signature, PUBLIC)
    place = data.draw(st.integers(0, len(document) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != document[place]))
    with pytest.raises(NotGenuine):
        certificate.verify(document[:place] + bytes([other]) + document[place + 1 :], signature, PUBLIC)


KEY = Ed25519PrivateKey.generate()
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
KID = certificate_keys.kid_of(KEY.public_key().public_bytes_raw())


def test_spacing_and_order_do_not_matter(file: bytes) -> None:
    parts = parts_of(file)
    turned = dict(reversed(parts.items())) | {"certificate": dict(reversed(parts["certificate"].items()))}
    certificate.check(json.dumps(turned, indent=4).encode())
    certificate.check(json.dumps(turned, ensure_ascii=True).encode("ascii"))


def test_another_key_does_not_pass_for_the_issuers(file: bytes) -> None:
    ours = parts_of(file)["public_key"]
    forged = parts_of(file) | {"public_key": PUBLIC, "kid": KID}
    with pytest.raises(NotGenuine, match="not of this content and this key"):
        certificate.check(json.dumps(forged).encode())
    forged["certificate"] = forged["certificate"] | {"kid": KID}
    forged["signature"] = base64.b64encode(KEY.sign(canonical.encode(forged["certificate"]))).decode()
    certificate.check(json.dumps(forged).encode())  # whoever does not compare keys is told so
    with pytest.raises(NotGenuine, match="another key"):
        certificate.check(json.dumps(forged).encode(), ours)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kid": "0" * 32}, "another key"),
        ({"algorithm": "none"}, "algorithm"),
        ({"signature": ""}, "signature"),
        ({"signature": 1}, "texts"),
        ({"public_key": ""}, "public key"),
        ({"public_key": "AAAA"}, "public key"),
        ({"certificate": []}, "parts"),
        ({"certificate": {}}, "signature"),
        ({"more": True}, "parts"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(file: bytes, change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(NotGenuine, match=complaint):
        certificate.check(json.dumps(parts_of(file) | change).encode())


def test_a_content_that_names_another_key_than_its_signer_is_refused() -> None:
    document = canonical.encode({"kid": "0" * 32})
    with pytest.raises(NotGenuine, match="names another key"):
        certificate.verify(document, base64.b64encode(KEY.sign(document)).decode(), PUBLIC)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"certificate": 1e400}',
        b'{"certificate": NaN}',
        b"9" * 10_000,
        b'{"a": 1, "a": 1}',
        b"\xed\xa0\x80",
        rb'"\ud800"',
        b" " * 300_000,
    ],
    ids=range(13),
)
def test_what_is_no_certificate_is_said_to_be_none(file: bytes) -> None:
    with pytest.raises(NotGenuine):
        certificate.check(file)


def test_canonical_json_is_that_of_rfc_8785() -> None:
    text = '{"€":"Euro","\\r":"CR","\ufb33":"Hebrew","1":"One","😀":"Smile","\\u0080":"Control","ö":"O"}'
    keys = list(json.loads(canonical.encode(json.loads(text))))
    assert keys == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]
    assert canonical.encode({"b": [1, True, None], "a": '\x07/"\\\n€\x7f'}) == (
        b'{"a":"\\u0007/\\"\\\\\\n\xe2\x82\xac\x7f","b":[1,true,null]}'
    )


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), 2**53, -(2**53), {1: 2}, {"a": b""}, "\ud800", {"\ud800": 1}]
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(canonical.NotCanonical):
        canonical.encode(value)


def test_a_rotated_key_signs_no_more_and_what_it_signed_stays_valid(file: bytes) -> None:
    said = StringIO()
    call_command("rotate_certificate_key", stdout=said)
    newer = file_of(verified())
    assert parts_of(newer)["kid"] != parts_of(file)["kid"]
    assert parts_of(newer)["kid"] in said.getvalue()
    for one in (file, newer):
        assert certificate_keys.public_key(parts_of(one)["kid"]) == parts_of(one)["public_key"]
        certificate.check(one, parts_of(one)["public_key"])
    assert AuditEntry.objects.get().target == parts_of(newer)["kid"]


def test_a_key_that_the_secret_key_cannot_read_is_replaced(
    file: bytes, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SECRET_KEY = "another"
    newer = file_of(verified())
    assert parts_of(newer)["kid"] != parts_of(file)["kid"]
    assert "cannot be read" in caplog.text
    assert CertificateKey.objects.filter(retired_at=None).count() == 2


def test_the_private_half_stands_nowhere_in_the_clear(file: bytes) -> None:
    key = CertificateKey.objects.get()
    signer = certificate_keys.current(AT)
    assert signer.private_key.private_bytes_raw() not in bytes(key.private_key)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("room")
def test_many_that_need_the_first_key_at_once_make_one() -> None:
    requests = [verified() for _ in range(4)]
    barrier = Barrier(len(requests))
    connection.close()

    def run(request: DeletionRequest) -> bytes:
        try:
            barrier.wait(30)
            return file_of(request)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(requests)) as pool:
        files = list(pool.map(run, requests))
    assert len({parts_of(file)["kid"] for file in files}) == CertificateKey.objects.count() == 1


def run_offline(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command where nothing listens at the database's address."""
    with socket.socket() as taken:  # bound and not listening
        taken.bind(("127.0.0.1", 0))
        address = f"postgres://nobody@127.0.0.1:{taken.getsockname()[1]}/none"
        return subprocess.run(
            [sys.executable, "manage.py", "verify_certificate", *arguments],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": address, "REDIS_ENABLED": "false"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.django_db(transaction=True)  # no transaction is idle while the command starts
def test_a_file_is_verified_without_a_database(file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(parts_of(file), indent=2))
    verdict = run_offline(str(path))
    assert verdict.returncode == 0, verdict.stderr
    assert "not by whom" in verdict.stdout
    path.write_bytes(file.replace(b'"removed":10', b'"removed":11'))
    with pytest.raises(CommandError, match="NOT GENUINE"):
        call_command("verify_certificate", str(path))


def test_the_command_knows_the_shop_by_its_published_key(file: bytes, tmp_path: Path) -> None:
    path, said = tmp_path / "certificate.json", StringIO()
    path.write_bytes(file)
    [published] = Client().get("/privacy/certificate-keys.json").json()["keys"]
    call_command("verify_certificate", str(path), public_key=published["public_key"], stdout=said)
    assert "signed with the key that you gave" in said.getvalue()
    with pytest.raises(CommandError, match="another key"):
        call_command("verify_certificate", str(path), public_key=PUBLIC)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_certificate", str(tmp_path / "none.json"))


def test_the_keys_are_public_and_their_private_halves_are_not(file: bytes) -> None:
    certificate_keys.rotate(AT + timedelta(days=1), by="a test")
    answer = Client().get("/privacy/certificate-keys.json")
    newest, former = answer.json()["keys"]
    assert set(newest) == {"kid", "algorithm", "public_key", "created_at", "retired_at"}
    assert (newest["retired_at"], former["kid"]) == (None, parts_of(file)["kid"])
    assert former["retired_at"] is not None
    assert "max-age" in answer.headers["Cache-Control"]


PAGE = "/privacy/certificate/"


def page_says(file: bytes, language: str = "en") -> str:
    """What the page says of an uploaded file, which is what it says of the same text pasted."""
    headers = {"Accept-Language": language}
    uploaded = Client().post(PAGE, {"file": io.BytesIO(file)}, headers=headers)
    assert uploaded.status_code == 200
    pasted = Client().post(PAGE, {"text": file.decode(errors="replace")}, headers=headers)
    assert pasted.content == uploaded.content
    return html.unescape(uploaded.content.decode())


def test_the_page_checks_what_anybody_brings(file: bytes) -> None:
    asked = Client(enforce_csrf_checks=True).get(PAGE)
    assert asked.status_code == 200
    assert not asked.cookies
    assert "Check a certificate of erasure" in asked.content.decode()
    genuine = page_says(file)
    assert "Genuine." in genuine
    assert parts_of(file)["certificate"]["id"] in genuine
    assert "2026-11-20 09:37" in genuine
    assert "Not genuine." in page_says(file.replace(b'"removed":10', b'"removed":11'))
    assert "Not genuine." in page_says(b"\xff" * 10)
    assert "Choose a file" in page_says(b"")


def test_the_page_tells_a_strangers_signature_from_the_shops(file: bytes) -> None:
    content = parts_of(file)["certificate"] | {"kid": KID, "statement": "Believe me"}
    forged = parts_of(file) | {"certificate": content, "kid": KID, "public_key": PUBLIC}
    forged["signature"] = base64.b64encode(KEY.sign(canonical.encode(content))).decode()
    said = page_says(json.dumps(forged).encode())
    assert "Not this shop's." in said
    assert "Believe me" not in said


def test_the_page_speaks_french(file: bytes) -> None:
    assert "Authentique." in page_says(file, "fr-CA")
    assert WORDS["en"].keys() == WORDS["fr"].keys()


def test_a_page_of_another_site_may_send_the_form_for_it_changes_nothing(file: bytes) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(PAGE, {"text": file.decode()}, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 200
