"""What one scorer says to one person about any product, and on which scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from graph.snapshot import BoolArray, FloatArray, IntArray
from recommend.topk import FactorTable, best_first


class Scores(Protocol):
    """Scores of one person. ``spread`` is their mean and standard deviation over the catalogue, known without scanning
    it."""

    @property
    def spread(self) -> tuple[float, float]: ...

    def at(self, products: IntArray) -> FloatArray:
        """float32: the score of each of these products; 0 where the scorer knows nothing."""
        ...

    def top(self, count: int, allowed: BoolArray) -> IntArray:
        """int32, best first: the products that the scorer would put first, at most ``count`` of those allowed."""
        ...


class FactorScores:
    """Inner products of the vectors of a table with one of a person."""

    def __init__(self, table: FactorTable, vector: FloatArray) -> None:
        self.table, self.vector = table, vector
        self.spread = table.spread(vector)

    def at(self, products: IntArray) -> FloatArray:
        return self.table.at(self.vector, products)

    def top(self, count: int, allowed: BoolArray) -> IntArray:
        return self.table.top(self.vector, count, allowed)


@dataclass(frozen=True)
class SparseScores:
    """Scores of a few products, ascending by product; those of all others are 0. ``spread`` is given by the scorer."""

    product: IntArray
    score: FloatArray
    spread: tuple[float, float]

    def at(self, products: IntArray) -> FloatArray:
        if not len(self.product):
            return np.zeros(len(products), np.float32)
        place = self.product.searchsorted(products)
        scores: FloatArray = self.score.take(place, mode="clip") * (self.product.take(place, mode="clip") == products)
        return scores

    def top(self, count: int, allowed: BoolArray) -> IntArray:
        kept = allowed.take(self.product) & (self.score > 0)
        return self.product[kept][best_first(self.score[kept], count)]


class FixedScores:
    """The same scores for everybody: float32 ``[products]``; ``size`` products count for the spread, the others are
    0."""

    def __init__(self, score: FloatArray, size: int) -> None:
        self.score = score
        self.size = size
        positive = np.flatnonzero(score > 0).astype(np.int32)
        self.order = positive[best_first(score[positive], len(positive))]
        self.spread = spread_of(score, size)
        self._padded = np.append(score, np.float32(0))

    def at(self, products: IntArray) -> FloatArray:
        scores: FloatArray = self._padded.take(products, mode="clip")
        return scores

    def top(self, count: int, allowed: BoolArray, *, least: float = 0) -> IntArray:
        """As promised; with ``least``, only products that score at least that."""
        found, start, length = [self.order[:0]], 0, 4 * count
        while count > 0 and start < len(self.order):
            block = self.order[start : start + length]
            found.append(block[allowed.take(block)][:count])
            count -= len(found[-1])
            start, length = start + length, 4 * length
        best = np.concatenate(found)
        return best[self.score[best] >= least] if least else best


def spread_of(score: FloatArray, size: int) -> tuple[float, float]:
    """Mean and standard deviation of ``size`` scores of which these are the ones that are not 0."""
    total, exact = max(size, 1), score.astype(np.float64)
    mean = float(exact.sum()) / total
    return mean, float(np.sqrt(max(float(exact @ exact) / total - mean * mean, 0.0)))
