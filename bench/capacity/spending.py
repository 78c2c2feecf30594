"""Processor time, WAL and memory that a piece of work took, by who spent it. Linux only: it reads /proc."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import redis

from bench import machine
from bench.capacity.figures import POSTGRES, REDIS, WEB, WORKER, Cost
from bench.capture.measuring import wal_position
from bench.stack import Stack


@dataclass(frozen=True)
class Meter:
    """`servers` are the first process of each, whose children count with it."""

    servers: Mapping[str, int]
    redis_url: str

    @classmethod
    def of(cls, stack: Stack, web: int | None = None, others: Mapping[str, int] | None = None) -> "Meter":
        servers = {POSTGRES: stack.postgres.pid, REDIS: stack.redis.pid, **(others or {})}
        url = stack.redis.service.environment()["REDIS_URL"]
        return cls(servers | ({WEB: web} if web else {}), url)

    def measured(self, count: int, work: Callable[[], object], *, is_own: bool = False) -> Cost:
        """Of so many units.

        Args:
            is_own: this process does the work that a worker does; otherwise it is a client, and costs nobody.
        """
        wal, memory, before, began = wal_position(), self.memory(), self.used(is_own), time.perf_counter()
        work()
        seconds, after = time.perf_counter() - began, self.used(is_own)
        used = {name: after[name] - before[name] for name in after}
        return Cost(count, seconds, used, wal_position() - wal, self.memory() - memory)

    def used(self, is_own: bool) -> dict[str, float]:
        used = {name: machine.cpu_seconds(pid) for name, pid in self.servers.items()}
        # Children too: a stage may have work done by processes that have ended by now.
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        return used | ({WORKER: own} if is_own else {})

    def memory(self) -> int:
        with redis.Redis.from_url(self.redis_url) as client:
            return int(client.info("memory")["used_memory"])
