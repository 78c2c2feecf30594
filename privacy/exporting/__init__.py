"""Everything held on one person as a zip, made by a worker and handed out once.

Invariants:
* What is exported is what the data holders would erase, and what is inferred of it at that moment.
* Only the person's own export is found, and only while they are known and not being erased.
* It is stored encrypted, for a day at most; the download that takes it empties it, and no second one can.
"""

from privacy.exporting.making import make_due
from privacy.exporting.requests import Gone, NotFound, NotReady, Taken, ask, expire, get, of_user, take

__all__ = ["Gone", "NotFound", "NotReady", "Taken", "ask", "expire", "get", "make_due", "of_user", "take"]
