"""Short Python of the pages, as it stands: access.md, certificates.md and privacy.md."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest
from django.core.management import call_command
from pytest_django import Settings

from privacy import consent, subjects
from privacy.erasure import certificate_keys, machine
from privacy.models import Actor
from tests.calls import Api, cart
from tests.docs import pages
from tests.privacy.shelf import HOLDERS, Shelf

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("log")]
DEMO_KEY = "sk_demo_leafloaf"


def run(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def asked(address: str, bearer: str, body: Any = None, **headers: str) -> bytes:
    """What the shop answers over the wire."""
    headers |= {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return bytes(answer.read())


# access.md


def test_the_token_of_the_page_lets_its_user_in_and_speaks_for_nobody_else(demo: str, tmp_path: Path) -> None:
    [code] = pages.run_by(__file__, "docs/access.md")
    done = run(f"{code}\nprint(token_for('user_123'))", tmp_path)
    assert done.returncode == 0, done.stderr
    token, settings = done.stdout.strip(), f"{demo}/api/v1/privacy/settings"
    assert json.loads(asked(settings, token))["data_retention_days"] == 90
    with pytest.raises(HTTPError, match="403") as refused:
        asked(settings, token, **{"X-User-Id": "user_456"})
    refused.value.close()


# certificates.md


@pytest.fixture
def certified(demo: str, settings: Settings, tmp_path: Path) -> Path:
    """A folder with the certificate of somebody who was erased, and the keys that the shop publishes."""
    settings.DATA_HOLDERS = HOLDERS
    Shelf.clear()
    user, address = {"X-User-Id": "user_1"}, f"{demo}/api/v1/privacy/deletion-requests"
    Shelf.rows[str(subjects.resolve(["user_1"])["user_1"])] = 3
    opened = json.loads(asked(address, DEMO_KEY, {"cooling_off_hours": 0}, **user))
    machine.advance_all(until_quiet=True)
    file = asked(f"{address}/{opened['id']}/certificate", DEMO_KEY, **user)
    (tmp_path / "certificate.json").write_bytes(file)
    (tmp_path / "certificate-keys.json").write_bytes(asked(f"{demo}/privacy/certificate-keys.json", DEMO_KEY))
    return tmp_path


def test_the_page_tells_a_genuine_certificate_from_a_changed_one(certified: Path) -> None:
    [code] = pages.run_by(__file__, "docs/certificates.md")
    genuine = run(code, certified)
    assert genuine.returncode == 0, genuine.stderr
    file = certified / "certificate.json"
    changed = json.loads(file.read_text())
    changed["certificate"]["verified_at"] = "2031-01-01T00:00:00Z"
    file.write_text(json.dumps(changed))
    assert "InvalidSignature" in run(code, certified).stderr


def test_a_key_that_the_shop_never_published_is_none_of_the_page(certified: Path) -> None:
    [code] = pages.run_by(__file__, "docs/certificates.md")
    (certified / "certificate-keys.json").write_text(json.dumps({"keys": certificate_keys.published()[1:]}))
    assert "not enough values to unpack" in run(code, certified).stderr


# privacy.md


def test_a_statement_asks_the_setting_of_each_row(secret: Api, capsys: pytest.CaptureFixture[str]) -> None:
    [code] = pages.run_by(__file__, "docs/privacy.md")
    kept, refused, nobodys = (str(uuid4()) for _ in range(3))
    consent.change(subjects.resolve(["user_1"])["user_1"], {"price_tracking": True}, Actor.USER)
    secret.send(cart(event_id=kept, user_id="user_1"), cart(event_id=refused, user_id="user_2"))
    secret.send(cart(event_id=nobodys, session_id="a-visit"))
    call_command("shell", command=code, no_imports=True)
    said = capsys.readouterr().out
    assert kept in said
    assert refused not in said
    assert nobodys not in said
