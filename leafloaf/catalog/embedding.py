"""`all-MiniLM-L6-v2` in numpy alone: a text becomes 384 numbers, and texts of like meaning become like numbers.

The weights are mapped from the file of the installed package, neither read nor copied: processes share them, and a
word that nobody uses is never loaded. Nothing here knows Django or the catalogue.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Self

# A second thread embeds a third more a second for twice the processor, which others want. Read when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from leafloaf.catalog.wordpiece import WordPiece

DIMENSIONS = 384
LAYERS = 6
HEADS = 12
LONGEST = 256  # tokens of a text; what follows is not read
TOKENS_AT_ONCE = 1024
EPSILON = np.float32(1e-12)

Floats = npt.NDArray[np.float32]
Weights = dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Pair:
    """What a dense layer multiplies with and adds, or a norm scales with and shifts by."""

    weight: Floats
    bias: Floats

    @classmethod
    def of(cls, weights: Weights, name: str) -> Self:
        return cls(weights[f"{name}.weight"], weights[f"{name}.bias"])

    def dense(self, rows: Floats) -> Floats:
        # This way round is a third faster on the few rows of a query than rows @ weight.T, the file's order being
        # what it is.
        result: Floats = (self.weight @ rows.T).T
        result += self.bias
        return result

    def norm(self, rows: Floats) -> Floats:
        """The rows themselves, changed."""
        rows -= rows.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", rows, rows) / np.float32(DIMENSIONS)
        rows *= (1 / np.sqrt(variance + EPSILON))[:, None]
        rows *= self.weight
        rows += self.bias
        return rows


class Layer:
    def __init__(self, weights: Weights, number: int) -> None:
        def part(name: str) -> Pair:
            return Pair.of(weights, f"encoder.layer.{number}.{name}")

        self.query, self.key, self.value = (
            part(f"attention.self.{name}") for name in ("query", "key", "value")
        )
        self.attended, self.attended_norm = (
            part(f"attention.output.{name}") for name in ("dense", "LayerNorm")
        )
        self.widened, self.narrowed = part("intermediate.dense"), part("output.dense")
        self.norm = part("output.LayerNorm")

    def __call__(self, rows: Floats, texts: int) -> Floats:
        attended = self.attended.dense(self.attention(rows, texts))
        attended += rows
        rows = self.attended_norm.norm(attended)
        result = self.narrowed.dense(gelu(self.widened.dense(rows)))
        result += rows
        return self.norm.norm(result)

    def attention(self, rows: Floats, texts: int) -> Floats:
        def heads(pair: Pair) -> Floats:
            return pair.dense(rows).reshape(texts, -1, HEADS, DIMENSIONS // HEADS).transpose(0, 2, 1, 3)

        shares: Floats = heads(self.query) @ heads(self.key).swapaxes(2, 3)
        shares *= np.float32((DIMENSIONS // HEADS) ** -0.5)
        shares -= shares.max(axis=-1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed: Floats = shares @ heads(self.value)
        return mixed.transpose(0, 2, 1, 3).reshape(len(rows), DIMENSIONS)


class Encoder:
    """Safe to share between threads; nothing changes once it is made."""

    def __init__(self, folder: Path) -> None:
        weights = mapped(folder / "model.safetensors")
        self._tokenizer = WordPiece(folder / "vocab.txt")
        self._words = weights["embeddings.word_embeddings.weight"]
        # There is one kind of text only, so that its mark is the same for every token.
        self._places = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = Pair.of(weights, "embeddings.LayerNorm")
        self._layers = [Layer(weights, number) for number in range(LAYERS)]

    def encode(self, texts: Sequence[str]) -> Floats:
        """One row of length 1 for each text, whose products with each other are their likeness, -1 to 1."""
        tokens = [self._tokenizer.ids(text, LONGEST) for text in texts]
        result = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for places in batches(tokens):
            result[places] = self._forward(np.array([tokens[place] for place in places]))
        return result

    def _forward(self, tokens: npt.NDArray[np.int64]) -> Floats:
        texts, length = tokens.shape
        rows = (self._words[tokens] + self._places[:length]).reshape(texts * length, DIMENSIONS)
        rows = self._norm.norm(rows)
        for layer in self._layers:
            rows = layer(rows, texts)
        mean: Floats = rows.reshape(texts, length, DIMENSIONS).mean(axis=1)
        mean /= np.linalg.norm(mean, axis=1, keepdims=True)
        return mean


def batches(tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Places of texts with as many tokens each, so that none is padded."""

    def length(place: int) -> int:
        return len(tokens[place])

    for size, same in groupby(sorted(range(len(tokens)), key=length), length):
        places = list(same)
        step = max(1, TOKENS_AT_ONCE // size)
        for start in range(0, len(places), step):
            yield places[start : start + step]


def mapped(file: Path) -> Weights:
    """The float tensors of a safetensors file, as they lie on disk."""
    raw = np.memmap(file, dtype=np.uint8, mode="r")
    start = 8 + int(raw[:8].view("<u8")[0])
    header: dict[str, Any] = json.loads(bytes(raw[8:start]))
    return {
        name: _tensor(raw[start:], entry) for name, entry in header.items() if entry.get("dtype") == "F32"
    }


def _tensor(raw: npt.NDArray[np.uint8], entry: dict[str, Any]) -> Floats:
    begin, end = entry["data_offsets"]
    return np.asarray(raw[begin:end].view("<f4").reshape(entry["shape"]))


# Abramowitz and Stegun 7.1.26, halved: as good as float32 itself, of which numpy has no error function.
ERF = [np.float32(c / 2) for c in (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)]
ERF_SCALE = np.float32(0.3275911 / 2**0.5)


def gelu(values: Floats) -> Floats:
    """x times the share of a normal distribution below x; the values themselves, changed."""
    size = np.abs(values)
    work = size * ERF_SCALE
    work += 1
    np.reciprocal(work, out=work)
    tail = work * ERF[4]
    for factor in ERF[3::-1]:
        tail += factor
        tail *= work
    np.multiply(size, size, out=work)
    work *= np.float32(-0.5)
    np.exp(work, out=work)
    tail *= work
    tail *= size
    np.maximum(values, 0, out=values)
    values -= tail
    return values
