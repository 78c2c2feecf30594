"""What looks like a mistake stops, and asks somebody: nothing to erase, or far more than one person has."""

from collections.abc import Sequence

from django.conf import settings

from privacy import holders
from privacy.models import DeletionStep

LEAST_TO_JUDGE = 1000
"""Among fewer rows, a share says nothing."""


NOTHING, SHARE = "nothing", "share"


def questions(steps: Sequence[DeletionStep], totals: dict[str, int | None]) -> dict[str, str]:
    """What has to be decided before anything is destroyed, by guard; empty when nothing speaks against it.

    Args:
        totals: among how many rows each holder's plan is, as far as that is known.
    """
    if not any(step.planned for step in steps if step.phase != holders.REMAINS):
        said = (
            "Nothing was found of this person. Is it the right one? Going on certifies that nothing is held."
        )
        return {NOTHING: said}
    for step in steps:
        total, share = totals.get(step.holder), settings.ERASURE_LARGEST_SHARE
        if step.planned and total and total >= LEAST_TO_JUDGE and step.planned > total * share:
            said = (
                f"{step.planned:,} of about {total:,} rows in {holders.get(step.holder).title} would go, more than "
                f"{share:.0%} (ERASURE_LARGEST_SHARE). Is this one person, or an account that many share?"
            )
            return {SHARE: said}
    return {}
