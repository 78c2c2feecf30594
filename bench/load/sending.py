"""Sends each request at its time, whatever became of those before: an open loop.

How long an answer took is counted from when its request should have been sent, by the plan. A server that
stops for a second is charged with that second by every request that was due in it. One process, one thread; a request
takes whichever connection is idle, or opens one, as a proxy does.
"""

import asyncio
import json
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.load.journeys import Request

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """`status` is 0 when there was none; `late` is how long after its time the request was sent."""

    route: str
    due: float
    seconds: float
    late: float
    status: int
    retry_after: str = ""
    is_problem: bool = False
    said: str = ""


@dataclass
class Keys:
    publishable: str
    secret: str
    cookie: str = ""


@dataclass
class Sent:
    """What came back, and the ids of the events that the shop owes somebody."""

    answers: list[Answer] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    unsure: set[str] = field(default_factory=set)
    """Of requests that got no answer: the shop may have them or not."""
    connections: int = 0

    def and_of(self, other: "Sent") -> "Sent":
        return Sent(
            self.answers + other.answers,
            self.accepted + other.accepted,
            self.unsure | other.unsure,
            self.connections + other.connections,
        )


class Connection(asyncio.Protocol):
    """One request at a time; an answer has a Content-Length or comes in chunks."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.answered: asyncio.Future[tuple[int, bytes, bytes]] | None = None
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        head, body = bytes(self.data[:end]), self.data[end + 4 :]
        length = header(head, b"content-length")
        is_whole = len(body) >= int(length) if length else body.endswith(b"0\r\n\r\n")
        if is_whole and self.answered and not self.answered.done():
            self.data.clear()
            self.answered.set_result((int(head[9:12]), head, bytes(body)))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self.answered and not self.answered.done():
            self.answered.set_exception(ConnectionResetError())

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await asyncio.wait_for(self.answered, PATIENCE_SECONDS)


class Sender:
    def __init__(self, port: int, keys: Keys) -> None:
        self.port, self.keys = port, keys
        self.idle: list[Connection] = []
        self.sent = Sent()

    async def send(self, plan: Sequence[Request]) -> Sent:
        """All of it; `at` 0 is the moment at which the first one with `at` >= 0 is due."""
        zero = time.perf_counter() - min(plan[0].at, 0.0) + 0.1
        async with asyncio.TaskGroup() as group:
            for request in plan:
                wait = zero + request.at - time.perf_counter()
                if wait > 0.0005:
                    await asyncio.sleep(wait)
                group.create_task(self.one(request, zero + request.at))
        for connection in self.idle:
            connection.transport.close()
        return self.sent

    async def one(self, request: Request, due: float) -> None:
        late = time.perf_counter() - due
        try:
            connection = await self.connection()
            status, head, body = await connection.ask(self.encoded(request))
        except (OSError, TimeoutError) as error:
            self.note(
                request,
                Answer(request.route, request.at, time.perf_counter() - due, late, 0, said=repr(error)),
                b"",
            )
            return
        seconds = time.perf_counter() - due
        if connection.is_open and b"connection: close" not in head.lower():
            self.idle.append(connection)
        is_good = status < 400
        answer = Answer(
            request.route,
            request.at,
            seconds,
            late,
            status,
            "" if is_good else header(head, b"retry-after"),
            not is_good and header(head, b"content-type").startswith("application/problem+json"),
            "" if is_good else body[:300].decode(errors="replace"),
        )
        self.note(request, answer, body)

    async def connection(self) -> Connection:
        while self.idle:
            if (found := self.idle.pop()).is_open:
                return found
        self.sent.connections += 1
        loop = asyncio.get_running_loop()
        opened = loop.create_connection(Connection, "127.0.0.1", self.port)
        return (await asyncio.wait_for(opened, PATIENCE_SECONDS))[1]

    def note(self, request: Request, answer: Answer, body: bytes) -> None:
        self.sent.answers.append(answer)
        if answer.status == 0:
            self.sent.unsure.update(request.event_ids)
        elif request.route == "events" and answer.status == 202:
            receipt = json.loads(body)
            assert receipt["accepted"] == len(request.event_ids), receipt
            self.sent.accepted.update(request.event_ids)
        elif request.route == "search" and answer.status == 200:
            self.sent.accepted[search_id(body)] += 1

    def encoded(self, request: Request) -> bytes:
        """As the proxy that ended TLS passes it on; each visit has a network address of its own."""
        body = b"" if request.body is None else json.dumps(request.body).encode()
        who = (
            f"Cookie: {self.keys.cookie}\r\n"
            if request.route == "staff"
            else f"Authorization: Bearer {self.keys.secret if request.user else self.keys.publishable}\r\n"
        )
        if request.user and request.body is None:
            who += f"X-User-Id: {request.user}\r\n"
        head = (
            f"{'GET' if request.body is None else 'POST'} {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"X-Forwarded-Proto: https\r\nX-Forwarded-For: {address(request.visit)}\r\n{who}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def address(visit: str) -> str:
    number = zlib.crc32(visit.encode()) & 0xFFFFFF
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def header(head: bytes, name: bytes) -> str:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip().decode()
    return ""


def search_id(body: bytes) -> str:
    """Found, not parsed: a page of results is long."""
    return body.partition(b'"search_id":"')[2].partition(b'"')[0].decode()
