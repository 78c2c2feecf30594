"""`leafloaf.js` as it is made, served and written about; tests/browser/test_client_*.py run it."""

import base64
import gzip
import hashlib
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from leafloaf.storefront.javascript_client import page, releases

NEWEST = releases.versions()[-1]
LARGEST = 3000  # bytes


def test_it_is_small() -> None:
    assert page.size(NEWEST) < LARGEST


def test_the_newest_release_is_what_its_source_makes() -> None:
    assert releases.content(NEWEST, False).decode() == releases.made(NEWEST), (
        "manage.py release_javascript_client, with a new version if a shop may have this one in a page"
    )


def test_the_docs_name_every_release_with_its_hash() -> None:
    assert page.FILE.read_text() == page.written(page.FILE.read_text())
    for version in releases.versions():
        assert releases.integrity(version, False) in page.FILE.read_text()


def test_a_release_is_kept_for_good_and_the_newest_for_an_hour(client: Client) -> None:
    newest, release = client.get("/leafloaf.js"), client.get(f"/leafloaf-{NEWEST}.js")
    assert newest.content == release.content == releases.content(NEWEST, False)
    assert newest.headers["Cache-Control"] == "public, max-age=3600"
    assert release.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    digest = base64.b64encode(hashlib.sha384(release.content).digest()).decode()
    assert releases.integrity(NEWEST, False) == f"sha384-{digest}"


@pytest.mark.parametrize(
    "path", ["/leafloaf.js", f"/leafloaf-{NEWEST}.js", "/leafloaf.mjs", f"/leafloaf-{NEWEST}.mjs"]
)
def test_pages_of_any_origin_may_load_it(client: Client, path: str) -> None:
    answer = client.get(path, headers={"Origin": "https://shop.example"})
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


def test_a_module_is_the_script_and_an_export(client: Client) -> None:
    script, module = client.get("/leafloaf.js").content, client.get("/leafloaf.mjs").content
    assert module == script + b"export default globalThis.leafloaf;\n"


def test_it_is_sent_compressed_and_only_when_it_changed(client: Client) -> None:
    zipped = client.get("/leafloaf.js", headers={"Accept-Encoding": "br, gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(zipped.content) == client.get("/leafloaf.js").content
    again = {"Accept-Encoding": "gzip", "If-None-Match": zipped.headers["ETag"]}
    unchanged = client.get("/leafloaf.js", headers=again)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert client.get("/leafloaf.js", headers=again | {"Accept-Encoding": ""}).status_code == 200


@pytest.mark.parametrize("path", ["/leafloaf-9.9.9.js", "/leafloaf-..js", "/leafloaf-9.9.9.mjs"])
def test_there_is_nothing_at_the_address_of_no_release(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_release_is_not_made_again_by_mistake() -> None:
    with pytest.raises(CommandError, match="Raise the version"):
        call_command("release_javascript_client", NEWEST)
    with pytest.raises(CommandError, match="numbers"):
        call_command("release_javascript_client", "next")


def test_a_release_is_made_and_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.md").write_text(page.FILE.read_text())
    (tmp_path / f"{NEWEST}.js").write_bytes(releases.content(NEWEST, False))
    monkeypatch.setattr(releases, "FOLDER", tmp_path)
    monkeypatch.setattr(page, "FILE", tmp_path / "page.md")
    call_command("release_javascript_client", "10.0.0")
    assert releases.versions() == [NEWEST, "10.0.0"]
    written = (tmp_path / "page.md").read_text()
    assert written.count(releases.integrity("10.0.0", False)) > 1
    assert written.count(releases.integrity(NEWEST, False)) == 1
    releases.content.cache_clear()


def test_no_eval_no_cookie_and_nothing_from_elsewhere() -> None:
    script = releases.content(NEWEST, False).decode()
    assert not re.search(r"\beval\b|Function\(|document\.cookie|innerHTML|https?://|import\(", script)
