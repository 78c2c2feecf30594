"""Pending streams of BigQuery and workers that die, freeze and race: each row is there once."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture import schema
from leafloaf.stack.services import REPOSITORY
from tests.faults import nursery
from tests.faults.nursery import Nursery
from tests.faults.shop import LEASE_SECONDS, Shop, different, wait_until

COMMIT = {"method": "GRPC", "path": r"/BatchCommitWriteStreams\?"}
BOUNDARIES = 2 * (4 * len(schema.TABLES) + 2)
"""Before and after each of four calls for each table, the promise, and the settling."""
SENDING = "SELECT count(*) FROM capture_outboxbatch WHERE state = 'sending' AND sink = 'bigquery'"
FALLEN_BACK = "SELECT count(*) FROM capture_outboxbatch WHERE sink = 'bigquery' AND promised IS NULL"


@pytest.fixture
def environment(shop: Shop) -> dict[str, str]:
    return {**shop.environment, "BIGQUERY_WRITE_METHOD": "storage_write"}


@pytest.fixture
def writers(shop: Shop, environment: dict[str, str], tmp_path: Path) -> Iterator[Nursery]:
    """Starts commands that write through pending streams."""
    with nursery.nursery(environment, tmp_path / "commands.log") as opened:
        yield opened
        opened.clear()


def assert_each_row_is_there_once(shop: Shop) -> None:
    assert different(shop.stores.in_bigquery(), shop.logged()) == {}
    assert shop.ask(FALLEN_BACK) == [(0,)], "the test proves nothing of streams"
    assert shop.ask("SELECT count(*) FROM capture_deadletter") == [(0,)]


def settle(shop: Shop, writers: Nursery) -> None:
    """As the last worker alive would."""
    wait_until(
        lambda: (
            not writers.start("drain", "--all", "--sink", "bigquery").wait() and not shop.owed("bigquery")
        ),
        "BigQuery has it all",
    )


@pytest.mark.parametrize(("every", "least"), [(4, 9), pytest.param(1, BOUNDARIES, marks=pytest.mark.slow)])
def test_killed_at_every_boundary_of_a_batch_it_is_delivered_once(
    shop: Shop, environment: dict[str, str], tmp_path: Path, every: int, least: int
) -> None:
    shop.write(25)
    said = subprocess.run(
        [sys.executable, "-m", "tests.faults.dying_writer", str(tmp_path / "died-at"), str(every)],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert said.returncode == 0, said.stderr[-3000:]
    assert int(said.stdout) >= least
    assert_each_row_is_there_once(shop)
    shop.settle()
    shop.assert_the_ledger_closes()


@pytest.mark.parametrize("kills", [6, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_at_random_while_two_race(
    shop: Shop, writers: Nursery, chance: random.Random, kills: int
) -> None:
    shop.write(40 * kills)
    shop.standin("bigquery").fail(times=10**6, match={"method": "GRPC"}, apply_then={"delay_seconds": 0.02})
    racing = [writers.start("drain", "--loop", "--sink", "bigquery") for _ in range(2)]
    writer = shop.writer("meanwhile", size=25, pause=0.5)  # there is always one more to be caught at
    for _ in range(kills):
        wait_until(lambda: shop.ask(SENDING)[0][0] > 0, "something is being sent")
        time.sleep(chance.uniform(0, 1))
        place = chance.randrange(2)
        racing[place].kill()
        racing[place] = writers.start("drain", "--loop", "--sink", "bigquery")
    for process in (writer, *racing):
        process.kill()
    shop.mend()
    settle(shop, writers)
    assert_each_row_is_there_once(shop)


def test_a_frozen_worker_that_thaws_in_mid_commit_after_its_lease_doubles_nothing(
    shop: Shop, writers: Nursery
) -> None:
    """BigQuery has the commit and takes its time; another worker has delivered meanwhile."""
    shop.write(25)
    shop.standin("bigquery").fail(match=COMMIT, delay_seconds=LEASE_SECONDS + 1.5)
    frozen = writers.start("drain", "--loop", "--sink", "bigquery")
    wait_until(lambda: shop.standin("bigquery").fired() == 1, "the first of five streams is being committed")
    frozen.signal(signal.SIGSTOP)
    time.sleep(LEASE_SECONDS)
    settle(shop, writers)
    frozen.signal(signal.SIGCONT)
    time.sleep(2)
    frozen.signal(signal.SIGTERM)
    assert frozen.wait() == 0
    assert_each_row_is_there_once(shop)


def test_a_lease_that_runs_out_before_the_commit_doubles_nothing(shop: Shop, writers: Nursery) -> None:
    """The first of two workers has filled its streams and is late: what it promised, or may not any more."""
    shop.write(25)
    late = {"method": "GRPC", "path": r"/FinalizeWriteStream\?"}
    shop.standin("bigquery").fail(match=late, after=4, delay_seconds=LEASE_SECONDS + 1.0)
    racing = [writers.start("drain", "--loop", "--sink", "bigquery") for _ in range(2)]
    wait_until(lambda: not shop.owed("bigquery"), "the second worker has delivered")
    time.sleep(LEASE_SECONDS)
    for drainer in racing:
        drainer.signal(signal.SIGTERM)
        assert drainer.wait() == 0
    assert_each_row_is_there_once(shop)
