"""Complements: one product of each shopper's last basket is left out and told from the rest of the basket."""

import numpy as np

from bench.figures import Table
from bench.personalization import metrics
from bench.personalization.sets import Cut, fold
from personalization.prediction import complements, cooccurrence
from personalization.prediction.associations import baskets
from personalization.prediction.complements import Companions
from personalization.prediction.cooccurrence import Neighbours
from personalization.prediction.counters import Floats
from personalization.prediction.histories import Histories, Numbers

AT = 10
Query = tuple[int, Numbers, int]


def measure(cut: Cut) -> Table:
    table = Table(f"complements {cut.name}", ("method", "recall@10"))
    queries = list(left_out(cut.wanted))
    made = complements.built(cut.past)
    counts, lift = _counted(cut.past), _lifted(cut.past)
    for name, neighbours in (("popularity", None), ("raw counts", counts), ("raw lift", lift)):
        table.rows.append((name, _recall(queries, neighbours, made)))
    hits = [(who, wanted in complements.ranked(made, rest.tolist(), AT)) for who, rest, wanted in queries]
    table.rows.append(("**LeafLoaf**, smoothed cosine and popularity", _spread(hits)))
    table.notes.append(f"{len(queries):,} baskets of two products or more.")
    return table


def left_out(wanted: dict[int, set[int]]) -> list[Query]:
    """(shopper, rest of the basket, product left out)."""
    found = []
    for shopper, basket in sorted(wanted.items()):
        if len(basket) > 1:
            items = sorted(basket)
            gone = items.pop((shopper * 7919) % len(items))
            found.append((shopper, np.array(items), gone))
    return found


def _recall(queries: list[Query], neighbours: Neighbours | None, made: Companions) -> str:
    hits = []
    for shopper, rest, wanted in queries:
        scored = made.baskets * 1e-15
        if neighbours is not None:
            zero, shape = np.zeros(len(rest), np.int64), (1, len(made.baskets))
            scored = scored + cooccurrence.gathered(neighbours, zero, rest, np.ones(len(rest)), shape)[0]
        scored[rest] = -1
        hits.append((shopper, wanted in np.argsort(-scored, kind="stable")[:AT]))
    return _spread(hits)


def _spread(hits: list[tuple[int, bool]]) -> str:
    folds = [[hit for shopper, hit in hits if fold(shopper) == place] for place in range(5)]
    return metrics.spread([float(np.mean(one)) for one in folds if one])


def _counted(past: Histories) -> Neighbours:
    """Divided by a constant only: as many baskets hold both."""
    groups, _ = baskets(past)
    return cooccurrence.neighbours(groups, groups, len(past.products), exponent=0, shrink=1e9, top=200)


def _lifted(past: Histories) -> Neighbours:
    """Common baskets, divided by those of the one and of the other."""
    groups, _ = baskets(past)
    size: Floats = np.maximum(np.bincount(past.product, minlength=len(past.products)).astype(float), 1)
    found = cooccurrence.neighbours(groups, groups, len(past.products), exponent=0, shrink=0, top=200)
    return Neighbours(found.product, (found.similarity / size[:, None]).astype(np.float32))
