"""How often a second this machine's Postgres makes something durable: what one primary can commit, whoever asks."""

import time

import psycopg

from bench.capture import clients

CONNECTIONS = (1, 8, 32)
SECONDS = 1.5
TABLE = "CREATE TABLE IF NOT EXISTS bench_commit (number int)"


def measure(url: str, runs: int) -> dict[int, list[float]]:
    """Commits a second by how many write at once; each waits for the disk, and those that wait share one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE)
    found: dict[int, list[float]] = {number: [] for number in CONNECTIONS}
    for _ in range(runs):
        for number, rates in found.items():
            rates.append(rate(url, number))
    return found


def rate(url: str, connections: int) -> float:
    opened = [psycopg.connect(url, autocommit=True) for _ in range(connections)]
    done = [0] * connections
    ending = time.perf_counter() + SECONDS

    def work(place: int) -> None:
        while time.perf_counter() < ending:
            opened[place].execute("INSERT INTO bench_commit VALUES (1)", prepare=True)
            done[place] += 1

    try:
        seconds = clients.together(work, connections)
        return sum(done) / seconds
    finally:
        for connection in opened:
            connection.close()
