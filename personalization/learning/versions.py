"""Which of the stored versions is in use, and who chose it."""

from collections.abc import Iterator

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from leafloaf.access import audit
from personalization.learning import learned
from personalization.learning.hold_out import FIT, IN_USE, Figures
from personalization.models import LearnedVersion

KEPT = 5
FITTED = "fit_predictions"
"""Who puts the nightly fit to use."""


def use(version: int, by: str, because: str = "") -> None:
    """Puts a version to use, which every process knows within `learned.LOOK_SECONDS`; 0 is the closed form alone.

    Raises:
        LookupError: there is no such version.
        packing.Broken: it cannot be read, and the one in use stays.
    """
    if version:
        learned.read(version)
    with transaction.atomic():
        every = LearnedVersion.objects.select_for_update().only("pk").order_by("pk")
        before = next((row.pk for row in every if row.is_active), 0)
        LearnedVersion.objects.filter(is_active=True).update(is_active=False)
        LearnedVersion.objects.filter(pk=version).update(
            is_active=True, activated_at=timezone.now(), activated_by=by
        )
        audit.record(by, "use predictions", f"version {version}", reason=because, before=before)


def in_use() -> LearnedVersion | None:
    """The row, without its content."""
    return LearnedVersion.objects.defer("content").filter(is_active=True).first()


def objections(made: LearnedVersion, before: LearnedVersion | None) -> Iterator[str]:
    """Why a new fit should not take the place of the version in use."""
    if before is None:
        return
    if before.activated_by != FITTED and LearnedVersion.objects.filter(pk__gt=before.pk).exists():
        yield f"Version {before.pk} was chosen over newer ones; use this one to go on from it."
    if made.lines < before.lines / 2:
        yield f"It was learned from {made.lines:,} lines, version {before.pk} from {before.lines:,}."
    for part, figures in made.figures.items():
        yield from shortfalls(part, figures)


def shortfalls(part: str, figures: Figures, than: str = IN_USE) -> Iterator[str]:
    """In which figures a fit is worse by more than the margin: a share of a score, an absolute amount of an error."""
    margin = settings.PREDICTIONS_MARGIN
    for name, value in figures.get(FIT, {}).items():
        other = figures[than][name]
        is_worse = value > other + margin if name == "error" else value < other * (1 - margin)
        if is_worse:
            yield f"Its {name} of {part} is {value:.3f}, that of {than} {other:.3f}."


def prune() -> int:
    """Deletes all but the newest and the one in use; how many."""
    newest = LearnedVersion.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT]
    gone, _ = LearnedVersion.objects.filter(is_active=False).exclude(pk__in=list(newest)).delete()
    return gone
