"""A shop's own server, of another origin than LeafLoaf, with a page that has the client in it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

EMPTY = '<!doctype html><html lang="en"><title>Shop</title><script src="{leafloaf}/leafloaf.js"></script>'
POLICY = "default-src 'none'; script-src 'self' {leafloaf}; connect-src 'self' {leafloaf}"


@dataclass
class ShopFront:
    """Serves `pages` by their path, under a strict policy, and a user token at `/token`."""

    leafloaf: str
    pages: dict[str, str] = field(default_factory=lambda: {"/": EMPTY})
    token: Callable[[], str] = lambda: ""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Security-Policy": POLICY})
    tokens_given: int = 0

    def __enter__(self) -> Self:
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        content, kind = self.pages.get(asked.path), "text/html; charset=utf-8"
        if asked.path == "/token":
            self.tokens_given += 1
            content, kind = self.token(), "text/plain"
        elif asked.path.endswith(".js"):
            kind = "text/javascript; charset=utf-8"
        asked.send_response(404 if content is None else 200)
        asked.send_header("Content-Type", kind)
        for name, value in self.headers.items():
            asked.send_header(name, value.replace("{leafloaf}", self.leafloaf))
        asked.end_headers()
        asked.wfile.write((content or "").replace("{leafloaf}", self.leafloaf).encode())
