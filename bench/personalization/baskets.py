"""The next basket: ours beside the published methods, on the same shoppers."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from bench.figures import Table
from bench.personalization import metrics, peers
from bench.personalization.sets import Cut, fold
from personalization.prediction import next_basket, training
from personalization.prediction.counters import Counters
from personalization.prediction.histories import Histories, Numbers

PACKED = 4 * (1 + len(Counters.__dataclass_fields__))
"""Bytes a product of a shopper: its number and its counters."""
PART = 64
Ranking = Iterator[tuple[int, list[int]]]
Contender = Callable[[Histories, Numbers], tuple[Ranking, float]]
"""From the past: rankings of these shoppers as they are asked for, and bytes a shopper."""


def measure(cut: Cut) -> Table:
    asked = np.array([shopper for shopper in sorted(cut.wanted) if cut.past.orders[shopper]])
    columns = (
        "method",
        "recall@10",
        "nDCG@10",
        "PHR@10",
        "PHR@10, five orders",
        "to fit, s",
        "a shopper, ms",
        "bytes",
    )
    table = Table(f"baskets {cut.name}", columns)
    for name, contender in CONTENDERS.items():
        table.rows.append((name, *_row(cut, asked, contender)))
        print(" | ".join(table.rows[-1]), flush=True)
    table.notes.append(
        f"{len(asked):,} shoppers, {len(cut.past.product):,} lines before, {len(cut.past.products):,} products."
    )
    return table


def _row(cut: Cut, asked: Numbers, contender: Contender) -> list[str]:
    started = time.perf_counter()
    rankings, held = contender(cut.past, asked)
    fitted = time.perf_counter()
    answers = list(rankings)
    ended = time.perf_counter()
    results = {shopper: metrics.of_basket(items, cut.wanted[shopper]) for shopper, items in answers}
    regular = [hit for shopper, (_, _, hit) in results.items() if cut.past.orders[shopper] >= 5]
    texts = [metrics.spread(_folds(results, place)) for place in range(3)]
    each = 1000 * (ended - fitted) / len(asked)
    return [*texts, f"{np.mean(regular):.3f}", f"{fitted - started:.1f}", f"{each:.2f}", f"{held:,.0f}"]


def _folds(results: dict[int, tuple[float, float, float]], place: int) -> list[float]:
    """The mean of the metric in each fold of the shoppers."""
    by_fold: dict[int, list[float]] = {}
    for shopper, values in results.items():
        by_fold.setdefault(fold(shopper), []).append(values[place])
    return [float(np.mean(values)) for values in by_fold.values()]


def _peer(made: Callable[[Histories], tuple[peers.Scorer, float]]) -> Contender:
    def contend(past: Histories, asked: Numbers) -> tuple[Ranking, float]:
        scorer, held = made(past)
        return _ranked(scorer, asked), held

    return contend


def _ranked(scorer: peers.Scorer, asked: Numbers) -> Ranking:
    for begin in range(0, len(asked), PART):
        some = asked[begin : begin + PART]
        scored = scorer(some)
        best = np.argsort(-scored, axis=1, kind="stable")[:, : metrics.AT]
        yield from zip(some.tolist(), best.tolist(), strict=True)


def _ours(is_learned: bool) -> Contender:
    def contend(past: Histories, asked: Numbers) -> tuple[Ranking, float]:
        weights = training.learned(past) if is_learned else None
        shop = training.shop_of(past)
        predicted = next_basket.predicted(shop, asked, weights)
        held = PACKED * len(shop.record.product) / len(past.shoppers)
        return ((shopper, items.tolist()) for shopper, items in predicted), held

    return contend


CONTENDERS: dict[str, Contender] = {
    "G-TopFreq": _peer(peers.g_top),
    "P-TopFreq": _peer(peers.p_top),
    "GP-TopFreq": _peer(peers.gp_top),
    "the founding formula": _peer(peers.seed),
    "UP-CF@r": _peer(peers.up_cf),
    "TIFU-KNN, own share 0.7": _peer(partial(peers.tifuknn, own=0.7)),
    "TIFU-KNN, own share 0.2": _peer(partial(peers.tifuknn, own=0.2)),
    "**LeafLoaf**, closed form": _ours(False),
    "**LeafLoaf**, learned": _ours(True),
}
