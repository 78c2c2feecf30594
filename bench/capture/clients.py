"""Clients that cost little: requests made beforehand, sent over sockets that stay open, eight at a time."""

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

CLIENTS = 8


class BadAnswer(RuntimeError):
    """A server did not answer as it should; a figure of errors is no figure."""


def request(path: str, body: bytes, key: str = "") -> bytes:
    """A whole POST; it claims to come through the proxy that ended TLS."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Client:
    """One connection; answers must have a Content-Length."""

    port: int
    expected: bytes

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> float:
        """Seconds until the whole answer was there."""
        started = time.perf_counter()
        self.socket.sendall(request)
        answer = self._receive()
        if not answer.startswith(self.expected):
            raise BadAnswer(answer[:2000].decode(errors="replace"))
        return time.perf_counter() - started

    def _receive(self) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        while len(body) < length:
            body += self._more()
        return head + b"\r\n\r\n" + body

    def _more(self) -> bytes:
        if not (data := self.socket.recv(65536)):
            raise BadAnswer("the server closed the connection")
        return data

    def close(self) -> None:
        self.socket.close()


def post(port: int, requests: Sequence[bytes], status: int = 202) -> float:
    """Seconds that eight clients need for all the requests."""
    connections = [Client(port, f"HTTP/1.1 {status}".encode()) for _ in range(CLIENTS)]

    def work(place: int) -> None:
        for request in requests[place::CLIENTS]:
            connections[place].send(request)

    try:
        return together(work)
    finally:
        for connection in connections:
            connection.close()


def together(work: Callable[[int], None], workers: int = CLIENTS) -> float:
    """Seconds until `work` has run with each place from 0 on, all at once.

    Raises:
        BaseException: what the first that failed raised.
    """
    with ThreadPoolExecutor(workers) as pool:
        started = time.perf_counter()
        for done in [pool.submit(work, place) for place in range(workers)]:
            done.result()
        return time.perf_counter() - started
