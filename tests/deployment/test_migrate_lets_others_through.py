"""A migration that has to wait for a long transaction: whoever only reads the table is not held up by it."""

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from tests.config import application

BEFORE = "0012_refresh_apart"
"""What comes after it makes indexes, which are removed on the way back."""
READ = "SELECT count(*) FROM catalog_product"


@pytest.fixture
def variables(transactional_db: None, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a process on this test's database, whose indexes are put back afterwards."""
    found = application.environment(tmp_path)
    yield found
    code, said = application.ended(application.manage(found, "migrate", "catalog"))
    assert code == 0, said


def connected(**options: str) -> psycopg.Connection[tuple[object, ...]]:
    asked = " ".join(f"-c {name}={value}" for name, value in options.items())
    return psycopg.connect(application.database_url(), options=asked, autocommit=True)


def removing_indexes(variables: dict[str, str]) -> subprocess.Popen[str]:
    """Takes a lock that lets nobody read, for a moment."""
    asked = ["migrate", "catalog", BEFORE, "--lock-timeout", "0.3"]
    return application.manage(variables, *asked)


def is_waiting(watcher: psycopg.Connection[tuple[object, ...]]) -> bool:
    query = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'catalog_product'::regclass"
    return watcher.execute(query).fetchone() is not None


def until_it_waits(watcher: psycopg.Connection[tuple[object, ...]]) -> None:
    deadline = time.monotonic() + 60
    while not is_waiting(watcher):
        assert time.monotonic() < deadline, "it never had to wait"
        time.sleep(0.02)


def test_readers_go_on_and_the_migration_is_done_when_the_table_is_free(variables: dict[str, str]) -> None:
    with connected() as blocker, connected(statement_timeout="10s") as reader:
        blocker.execute("BEGIN")
        blocker.execute(READ)
        migrating = removing_indexes(variables)
        for _ in range(3):
            until_it_waits(reader)
            reader.execute(READ)
        assert migrating.poll() is None
        blocker.execute("COMMIT")
        code, said = application.ended(migrating)
    assert code == 0, said
    assert "A table is in use" in said


def test_it_gives_up_after_so_many_tries_and_changes_nothing(variables: dict[str, str]) -> None:
    with connected() as blocker:
        blocker.execute("BEGIN")
        blocker.execute(READ)
        asked = ["migrate", "catalog", BEFORE, "--lock-timeout", "0.1", "--tries", "1"]
        code, said = application.ended(application.manage(variables, *asked))
    assert code != 0
    assert "lock timeout" in said
    code, said = application.ended(application.manage(variables, "migrate", "--check"))
    assert code == 0, said


def test_without_the_limit_readers_would_wait(variables: dict[str, str]) -> None:
    """The control: what the limit is for."""
    with connected() as blocker, connected() as changer, connected(statement_timeout="500ms") as reader:
        blocker.execute("BEGIN")
        blocker.execute(READ)
        changing = threading.Thread(target=changer.execute, args=["LOCK TABLE catalog_product"], daemon=True)
        changer.execute("BEGIN")
        changing.start()
        until_it_waits(blocker)  # a busy machine might have the reader's own limit end this
        with pytest.raises(errors.QueryCanceled):
            reader.execute(READ)
        blocker.execute("COMMIT")
        changing.join(60)
        changer.execute("ROLLBACK")
