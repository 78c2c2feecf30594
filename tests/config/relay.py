"""A way to a server on another port, which a test can close and open while both ends go on."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Relay:
    """Passes bytes from one port of 127.0.0.1 to another; closed, it hangs up and refuses whoever calls."""

    def __init__(self, port: int, target: int) -> None:
        self.port, self.target = port, target
        self._listener: socket.socket | None = None
        self._is_open = False
        self._open: list[socket.socket] = []
        self._changing = threading.Lock()

    def __enter__(self) -> Self:
        self.open_way()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_way()

    def open_way(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._is_open = True
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close_way(self) -> None:
        assert self._listener is not None
        with self._changing:
            self._is_open = False
            ended, self._open = [self._listener, *self._open], []
        for each in ended:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                caller, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self.next_target()))
            except OSError:
                return
            with self._changing:
                if not self._is_open or listener is not self._listener:  # closed since it was accepted
                    caller.close()
                    server.close()
                    return
                self._open += [caller, server]
            for ends in ((caller, server), (server, caller)):
                threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def next_target(self) -> int:
        """Where the next one who calls is led to."""
        return self.target

    def passing(self, data: bytes) -> bytes:
        """What arrives of these bytes: all of them, unless a subclass says otherwise."""
        return data

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(self.passing(data))
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
