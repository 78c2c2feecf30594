"""Ports on 127.0.0.1: free, remembered between starts, and outside the range of outgoing connections."""

import json
import random
import socket
from pathlib import Path

LOWEST, HIGHEST = 20_000, 32_000


class NoFreePortError(RuntimeError):
    pass


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port the kernel does not hand to clients, so that none takes it before the server does."""
    for _ in range(1000):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 (not a secret)
        if is_free(port):
            return port
    raise NoFreePortError(f"No port between {LOWEST} and {HIGHEST} is free on 127.0.0.1.")


class RememberedPorts:
    """The port each server had last time, when it is still free; else another one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = self._read()

    def get(self, name: str) -> int:
        port = self.known.get(name)
        if port is None or not is_free(port):
            port = self._unused()
        self.known[name] = port
        self.path.write_text(json.dumps(self.known, indent=2))
        return port

    def _unused(self) -> int:
        port = any_free()
        return self._unused() if port in self.known.values() else port

    def _read(self) -> dict[str, int]:
        try:
            known = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return {str(name): int(port) for name, port in known.items()}
