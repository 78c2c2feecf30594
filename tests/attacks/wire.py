"""Bytes over a socket, as no client library would send them."""

import socket
from dataclasses import dataclass


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


def say(port: int, *parts: bytes, seconds: float = 2) -> Told:
    """Sends the parts on one connection, and listens until nothing more comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        for part in parts:
            connection.sendall(part)
        raw = b""
        try:
            while more := connection.recv(65536):
                raw += more
        except TimeoutError:
            pass
        except ConnectionResetError:
            pass
    return Told(raw)


def request(method: str, path: str, *headers: str, body: bytes = b"", host: str = "127.0.0.1") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
