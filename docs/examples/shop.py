"""The server of the smallest shop: its page, and a user token for who is signed in, who is always the same here.

python3 docs/examples/shop.py, then http://127.0.0.1:3000
"""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

LEAFLOAF = os.environ.get("LEAFLOAF", "http://127.0.0.1:8000")
PORT = int(os.environ.get("PORT", "3000"))
KID, SECRET = "demo", b"leafloaf-demo-secret-that-everybody-knows"
USER = f"shopper-{time.time_ns()}"  # somebody new each time it is started
PAGE = Path(__file__).with_name("shop.html").read_text().replace("http://127.0.0.1:8000", LEAFLOAF)


def part(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def token(user_id: str) -> bytes:
    """A user token, with the standard library alone; docs/back-end.md has it shorter, with PyJWT."""
    claims = {"sub": user_id, "aud": "leafloaf", "exp": int(time.time()) + 600}
    head, body = (part(json.dumps(each).encode()) for each in ({"alg": "HS256", "kid": KID}, claims))
    return b".".join((head, body, part(hmac.digest(SECRET, head + b"." + body, hashlib.sha256))))


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_token = self.path == "/token"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain" if is_token else "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(token(USER) if is_token else PAGE.encode())


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", PORT), Shop).serve_forever()
