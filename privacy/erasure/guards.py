"""What looks like a mistake stops, and asks somebody: nothing to erase, more than one person has, or others' visits.

Whoever is signed in can say that a visit is theirs, and nothing proves it: who guesses ids of visits has the anonymous
events of strangers erased. A guess costs an event of their own, so guesses show in how much is claimed beside what they
did under their name, and in how many visits there are. What is below both is a few events of a few visits; it is not
asked about, and ids that cannot be guessed are what protects them (docs/erasure.md).
"""

from collections.abc import Iterable, Sequence

from django.conf import settings

from privacy import holders
from privacy.models import DeletionStep

LEAST_TO_JUDGE = 1000
"""Among fewer rows, a share says nothing; nor does how many of them are anonymous."""

NOTHING, SHARE, CLAIMED, VISITS = "nothing", "share", "claimed", "visits"


def questions(steps: Sequence[DeletionStep], visits: int) -> dict[str, str]:
    """What has to be decided before anything is destroyed, by guard; empty when nothing speaks against it.

    Args:
        visits: how many are said to be the person's.
    """
    asked = {
        NOTHING: _nothing(steps),
        CLAIMED: _first(_claims_much(step) for step in steps),
        VISITS: _claims_many(visits),
        SHARE: _first(_is_large(step) for step in steps),
    }
    return {guard: question for guard, question in asked.items() if question}


def _nothing(steps: Sequence[DeletionStep]) -> str:
    if any(step.planned for step in steps if step.phase != holders.REMAINS):
        return ""
    return "Nothing was found of this person. Is it the right one? Going on certifies that nothing is held."


def _is_large(step: DeletionStep) -> str:
    planned, total = step.planned or 0, (step.plan or {}).get("of") or 0
    if total < LEAST_TO_JUDGE or planned <= total * settings.ERASURE_LARGEST_SHARE:
        return ""
    return (
        f"{planned:,} of about {total:,} rows in {holders.title_of(step.holder)} would go, more than "
        f"{settings.ERASURE_LARGEST_SHARE:.0%} (ERASURE_LARGEST_SHARE). Is this one person, or an account that many "
        "share?"
    )


def _claims_much(step: DeletionStep) -> str:
    claimed = (step.plan or {}).get("claimed") or 0
    own = (step.planned or 0) - claimed
    if claimed < LEAST_TO_JUDGE or claimed <= own * settings.ERASURE_LARGEST_CLAIM:
        return ""
    return (
        f"{claimed:,} anonymous rows of visits that this person named would go, and {own:,} of their own: more than "
        f"{settings.ERASURE_LARGEST_CLAIM:g} for each (ERASURE_LARGEST_CLAIM). Are these visits theirs, or guessed?"
    )


def _claims_many(visits: int) -> str:
    if visits <= settings.ERASURE_MOST_VISITS:
        return ""
    return (
        f"{visits:,} visits are said to be this person's, more than {settings.ERASURE_MOST_VISITS:,} "
        "(ERASURE_MOST_VISITS). Are they theirs, or guessed?"
    )


def _first(questions: Iterable[str]) -> str:
    return next(filter(None, questions), "")
