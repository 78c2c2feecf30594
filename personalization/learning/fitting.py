"""The nightly fit: learns from everybody's purchases, measures itself, and is put to use unless it is worse.

Nothing of one person gets into it: weights and statistics are sums over the shop, an association that fewer than
`COMPLEMENTS_K` shoppers share is left out, and so is a product that fewer have bought and the catalogue does not know.
"""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from leafloaf.lib import statements
from personalization.learning import hold_out, learned, packing, shop_history, versions
from personalization.learning.hold_out import CLOSED_FORM, Figures
from personalization.learning.learned import Learned
from personalization.learning.packing import Content
from personalization.learning.shop_history import Everybody
from personalization.models import LearnedVersion
from personalization.prediction import reorder_training, training
from personalization.prediction.histories import Histories

LOCK = 5_003_002
"""Ours among the advisory locks of the database."""


class Busy(RuntimeError):
    """Another process is fitting."""


def fit() -> LearnedVersion | None:
    """The new version, in use or with the reason why it is not; None while nobody has bought anything.

    Raises:
        Busy: another fit is under way.
    """
    with _alone():
        started = time.monotonic()
        everybody = shop_history.everybody(settings.COMPLEMENTS_K)
        if not len(everybody.histories.shopper):
            return None
        before = versions.in_use()
        figures = _measured(everybody.histories, _readable(before))
        notes, content = _learned(everybody, figures)
        made = _described(everybody.histories, content)
        made.figures, made.content = figures, packing.packed(content)
        made.fit_seconds, made.peak_megabytes = round(time.monotonic() - started, 1), peak_megabytes()
        objections = list(versions.objections(made, before))
        made.notes = "\n".join([*notes, *objections])
        made.save()
        if not objections:
            versions.use(made.pk, versions.FITTED)
        versions.prune()
        made.refresh_from_db(fields=["is_active", "activated_at", "activated_by"])
        return made


def _measured(lines: Histories, in_use: Learned) -> dict[str, Figures]:
    return {
        "baskets": hold_out.baskets(lines, in_use.basket_weights, settings.COMPLEMENTS_K),
        "reorders": hold_out.reorders(lines, in_use.reorder_weights),
    }


def _learned(everybody: Everybody, figures: dict[str, Figures]) -> tuple[list[str], Content]:
    """What there is to be said of the fit, and the fit: the closed form where weights would tell less."""
    lines, least = everybody.histories, settings.COMPLEMENTS_K
    notes = [f"One shopper in {everybody.one_in} was read."] if everybody.one_in > 1 else []
    shop = training.shop_of(lines, least)
    basket_weights = training.learned(lines, least)
    reorder_weights = reorder_training.learned(lines, int(lines.day.max()))
    if why := _unlearned("baskets", basket_weights is None, figures):
        notes, basket_weights = notes + why, None
    if why := _unlearned("reorders", reorder_weights is None, figures):
        notes, reorder_weights = notes + why, None
    return notes, Content(lines.products, shop.products, shop.tables, basket_weights, reorder_weights)


def _unlearned(part: str, is_little: bool, figures: dict[str, Figures]) -> list[str]:
    """Why the closed form answers, if it does."""
    if is_little:
        return [f"Too few orders to learn {part} from: the closed form answers."]
    worse = list(versions.shortfalls(part, figures[part], CLOSED_FORM))
    return [f"The closed form answers, for it tells {part} better.", *worse] if worse else []


def _described(lines: Histories, content: Content) -> LearnedVersion:
    return LearnedVersion(
        lines=len(lines.shopper),
        shoppers=len(lines.shoppers),
        products=len(lines.products),
        days=int(lines.day.max() - lines.day.min()),
        is_learned=content.basket_weights is not None,
        is_reorder_learned=content.reorder_weights is not None,
    )


def _readable(before: LearnedVersion | None) -> Learned:
    """The version in use; nothing when it cannot be read, so that a new one replaces it."""
    try:
        return learned.read(before.pk) if before else learned.nothing()
    except packing.Broken:
        return learned.nothing()


def peak_megabytes() -> int:
    """The most memory this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


@contextmanager
def _alone() -> Iterator[None]:
    if not statements.fetch("SELECT pg_try_advisory_lock(%s::bigint)", [LOCK])[0][0]:
        raise Busy("Another fit is under way.")
    try:
        yield
    finally:
        statements.fetch("SELECT pg_advisory_unlock(%s::bigint)", [LOCK])
