"""Bytes over a socket, as no client library would send them."""

import socket
from contextlib import suppress
from dataclasses import dataclass

PATIENCE_SECONDS = 60
"""For the first answer, of a server on a busy machine."""
SILENCE_SECONDS = 2


@dataclass(frozen=True)
class Told:
    """What came back on one connection until the server closed it or fell silent."""

    raw: bytes

    @property
    def statuses(self) -> list[int]:
        """One for each answer; a body of ours never begins a line with `HTTP/1.`."""
        return [int(line.split()[1]) for line in self.raw.split(b"\r\n") if line.startswith(b"HTTP/1.")]

    def header(self, name: str) -> str | None:
        """Of the first answer."""
        for line in self.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
            found, _, value = line.decode("latin-1").partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return None


def say(port: int, *parts: bytes) -> Told:
    """Sends the parts on one connection, and listens until nothing more comes."""
    raw = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        with suppress(ConnectionError):  # it has heard enough, and closed: what it said may still be there
            for part in parts:
                connection.sendall(part)
        with suppress(TimeoutError, ConnectionResetError):
            while more := connection.recv(65536):
                raw += more
                connection.settimeout(SILENCE_SECONDS)
    return Told(raw)


def request(method: str, path: str, *headers: str, body: bytes = b"", host: str = "127.0.0.1") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
