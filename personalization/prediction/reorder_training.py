"""Learns from days in the past, when what came after is known: how long a purchase still took, and how probable it was.

What a day is asked with was known on that day. Probabilities are calibrated on shoppers that they were not fitted on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from personalization.prediction import cadence, calibration, logistic, product_statistics
from personalization.prediction.cadence import Rhythms
from personalization.prediction.calibration import Calibration
from personalization.prediction.counters import Floats, Record
from personalization.prediction.histories import Histories, Numbers
from personalization.prediction.logistic import Weights

HORIZONS = (7, 14, 30)
LONGEST = 150
"""Days; a wait that took longer is not learned from, it was no cycle any more."""
STEP = 30
NEAR, FAR = 8, 4
"""Days to learn from: for probabilities as late as possible, for waits so early that a wait could end."""
MOST = 300_000
LEAST_CAME = 200


@dataclass(frozen=True)
class Chance:
    """A calibrated probability."""

    weights: Weights
    calibration: Calibration

    def of(self, features: Floats) -> Floats:
        return self.calibration.of(self.weights.scores(features))


@dataclass(frozen=True)
class ReorderWeights:
    wait: Weights
    wait_in_days: Calibration
    within: dict[int, Chance]
    by_then: Chance
    """Bought by the day that is expected: the confidence."""

    def days(self, features: Floats) -> Floats:
        """Days still to wait."""
        return self.wait_in_days.of(self.wait.scores(features))


@dataclass(frozen=True)
class Moment:
    """A day in the past: the rhythms then, the shopper of each, and the days it took after it (inf: not yet)."""

    found: Rhythms
    shopper: Numbers
    took: Floats
    known: int
    """Days after it that are known."""


def learned(histories: Histories, day: int) -> ReorderWeights | None:
    """From the lines up to this day; none when they are too few or too short a time."""
    past = histories.only(histories.day <= day)
    if not len(past.day):
        return None
    begin = int(past.day.min())
    longest = min(LONGEST, (day - begin) // 3)
    near = [day - STEP * place for place in range(1, NEAR + 1)]
    far = [day - longest - STEP * place for place in range(FAR)]
    wanted = sorted({one for one in near + far if one > begin + (day - begin) / 6})
    seen = dict(zip(wanted, moments(past, wanted, day), strict=True))
    waits = [seen[one] for one in far if one in seen]
    chances = [seen[one] for one in near if one in seen]
    if not waits or not chances:
        return None
    return _fitted(waits, chances, longest)


def moments(histories: Histories, days: Sequence[int], until: int) -> Iterator[Moment]:
    """What was known on each of these days, in their order, and what came by the last."""
    record = Record.blank(histories)
    keys = record.shopper * record.products + record.product
    row = np.searchsorted(keys, histories.shopper * record.products + histories.product)
    first = int(histories.day.min())
    length = int(histories.day.max()) - first + 2
    when = np.sort(row * length + histories.day - first)
    since = first - 1
    for day in days:
        record.add(histories.only((histories.day > since) & (histories.day <= day)))
        since = day
        found = cadence.rhythms(record, product_statistics.measured(record), day)
        following = np.searchsorted(when, found.row * length + day - first, side="right")
        following = np.minimum(following, len(when) - 1)
        its_row, its_day = np.divmod(when[following], length)
        is_later = (its_row == found.row) & (its_day > day - first)
        took = np.where(is_later, its_day + first - day, np.inf)
        yield Moment(found, record.shopper[found.row], took, until - day)


def _fitted(waits: list[Moment], chances: list[Moment], longest: int) -> ReorderWeights | None:
    features, took, _ = _together(waits)
    ended = took <= longest
    if ended.sum() < LEAST_CAME:
        return None
    wait = _line(features[ended], np.log(took[ended]))
    in_days = calibration.typical(wait.scores(features[ended]), took[ended])
    within = {}
    for days in HORIZONS:
        features, took, shopper = _together([moment for moment in chances if moment.known >= days])
        within[days] = _chance(features, took <= days, shopper)
    features, took, shopper = _together(waits)
    expected = in_days.of(wait.scores(features))
    return ReorderWeights(wait, in_days, within, _chance(features, took <= np.ceil(expected), shopper))


def _together(some: list[Moment]) -> tuple[Floats, Floats, Numbers]:
    """Features, days it took, shoppers; thinned out when they are many."""
    features = np.concatenate([moment.found.features for moment in some])
    took = np.concatenate([moment.took for moment in some])
    shopper = np.concatenate([moment.shopper for moment in some])
    thin = slice(None, None, max(1, -(-len(took) // MOST)))
    return features[thin], took[thin], shopper[thin]


def _line(features: Floats, values: Floats) -> Weights:
    """Least squares."""
    usual = features.mean(0)
    centred = features - usual
    curve = centred.T @ centred + 1e-3 * len(values) * np.eye(features.shape[1])
    found = np.linalg.solve(curve, centred.T @ (values - values.mean()))
    return Weights(cadence.NAMES, float(values.mean()), found, usual)


def _chance(features: Floats, came: np.ndarray, shopper: Numbers) -> Chance:
    """Fitted on all; what its scores mean was found on each half of the shoppers with weights from the other."""
    outcome = came.astype(float)
    scores = np.zeros(len(outcome))
    for half in (0, 1):
        asked = shopper % 2 == half
        if asked.any() and not asked.all():
            weights = logistic.fit(cadence.NAMES, features[~asked], outcome[~asked])
            scores[asked] = weights.scores(features[asked])
    weights = logistic.fit(cadence.NAMES, features, outcome)
    if len(np.unique(shopper % 2)) < 2:
        scores = weights.scores(features)
    return Chance(weights, calibration.calibrated(scores, outcome))
