"""What tasks have to tell staff: stored when it is found out, read by `/health` and the pages.

Everybody may ask `/health`: what only staff may know is of a kind that it leaves out (`health.NOT_PUBLIC`).
"""

from collections.abc import Collection, Sequence

from django.db import transaction

from capture.models import Notice

LONGEST = 400


def replace(kind: str, sentences: Sequence[str]) -> None:
    """Makes these the notices of a kind; one that is still true keeps the moment it was first seen."""
    cut = [sentence[:LONGEST] for sentence in sentences]
    with transaction.atomic():
        Notice.objects.filter(kind=kind).exclude(sentence__in=cut).delete()
        Notice.objects.bulk_create(
            (Notice(kind=kind, sentence=sentence) for sentence in cut), ignore_conflicts=True
        )


def sentences(without: Collection[str] = ()) -> list[str]:
    """Those of all other kinds, the oldest first."""
    return [notice.sentence for notice in current(without)]


def current(without: Collection[str] = ()) -> list[Notice]:
    """Those of all other kinds, the oldest first, with what found them and when."""
    return list(Notice.objects.exclude(kind__in=without).order_by("first_seen_at", "id")[:20])
