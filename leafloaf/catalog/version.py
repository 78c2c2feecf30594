"""The catalogue's version, for whoever keeps what was made from it."""

from leafloaf.lib import statements

VERSION = """
    SELECT concat_ws(':', sum(changes), (array_agg(mark ORDER BY id DESC))[1], (
        SELECT max(moment) FROM catalog_merchandisingrule, unnest(ARRAY[starts_at, ends_at]) AS moment
        WHERE moment <= now()
    ))
    FROM catalog_change
"""


_seen: str | None = None


def current() -> str:
    """Another text after each committed change of a product, offer, name, synonym or placement, and of a rule's time.

    Read it before the page is made: then a change in between makes the page a newer one's, never an older one's. A
    table of another module joins by `SELECT catalog_watch('its_table')` in its migration.
    """
    global _seen
    _seen = version = read()
    return version


def read() -> str:
    """The version in the database that is asked here, which may be a replica."""
    return str(statements.fetch(VERSION)[0][0])


def last_seen() -> str | None:
    """The version this process has seen last, without asking anybody; None when it has seen none."""
    return _seen
