"""The token of another account is asked for with the process's own, by Google's own client, and shown to the store."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from capture.sinks import google_accounts

ERASER = "eraser@shop-1.iam.gserviceaccount.com"


class Tokens(BaseHTTPRequestHandler):
    """Gives the process its own token, and to who shows that one another account's; notes who came with what."""

    seen: list[tuple[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.seen.append((self.path, self.headers.get("Authorization") or ""))
        if self.path == "/own":
            self.say({"access_token": "own-token", "expires_in": 3600, "token_type": "Bearer"})
        else:
            until = datetime.now(UTC) + timedelta(seconds=int(json.loads(body)["lifetime"].rstrip("s")))
            self.say({"accessToken": "erasers-token", "expireTime": f"{until:%Y-%m-%dT%H:%M:%SZ}"})

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization") or ""))
        self.say({})

    def say(self, document: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def google() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    seen: list[tuple[str, str]] = []
    handler = type("Handler", (Tokens,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


@pytest.fixture
def own_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, google: tuple[str, Any]) -> None:
    """Application-default credentials: those of the writer."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "writer.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "shop-1",
                "client_email": "writer@shop-1.iam.gserviceaccount.com",
                "private_key": key.decode(),
                "token_uri": f"{google[0]}/own",
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))


@pytest.mark.usefixtures("own_account")
def test_the_eraser_is_asked_for_with_the_writers_token(google: tuple[str, list[tuple[str, str]]]) -> None:
    address, seen = google
    found = google_accounts.credentials(ERASER, token_endpoint=f"{address}/as/{ERASER}")
    session: Any = AuthorizedSession(found)
    session.get(f"{address}/store")
    assert seen == [
        ("/own", ""),
        (f"/as/{ERASER}", "Bearer own-token"),
        ("/store", "Bearer erasers-token"),
    ]


def test_without_an_account_the_client_finds_the_processs_own() -> None:
    assert google_accounts.credentials("") is None


def test_a_local_server_is_told_a_name_and_no_secret() -> None:
    assert isinstance(google_accounts.credentials("", "http://127.0.0.1:1"), AnonymousCredentials)
    named = google_accounts.credentials("eraser", "http://127.0.0.1:1")
    assert named is not None
    assert named.token == "eraser"
