"""This process believes that the database is away, and nobody finds out meanwhile that it is not."""

from dataclasses import dataclass

from leafloaf.lib import database


@dataclass
class Outage:
    """Begins when the test says so; one that has not ended ends with the test."""

    is_on: bool = False

    def begin(self) -> None:
        """Waits for a look that an earlier test caused: it would end the outage with what it found."""
        assert database.PRIMARY.looking.acquire(timeout=30)
        database.PRIMARY.is_away = self.is_on = True

    def end(self) -> None:
        if self.is_on:
            database.PRIMARY.is_away = self.is_on = False
            database.PRIMARY.looking.release()
