"""Bought by the same people: cosine between products, damped where few people stand behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from graph.arrays import ranges, run_starts
from graph.ids import UNKNOWN
from graph.snapshot import FloatArray, IntArray
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorer import Moved, State, moved, sample
from recommend.scores import SparseScores, spread_of
from recommend.viewer import Viewer

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class SimilarScores(SparseScores):
    """The sum over a person's products, and which of them stand behind it.

    Entry i adds ``part[i]`` to the score of ``target[i]`` because of ``cause[i]``; ascending by ``target``.
    """

    target: IntArray
    cause: IntArray
    part: FloatArray

    def main_causes(self, products: IntArray) -> list[int]:
        """For each product the one of the person that adds most to it, `UNKNOWN` where nothing speaks for it."""
        starts = self.target.searchsorted(products).tolist()
        ends = self.target.searchsorted(products, "right").tolist()
        scores = self.at(products).tolist()
        return [
            self.cause.item(start + self.part[start:end].argmax()) if score > 0 else UNKNOWN
            for start, end, score in zip(starts, ends, scores, strict=True)
        ]


class Similar:
    """float32 ``[products, products]``, the most similar products of each. Pairs with fewer than ``min_support`` people
    are left out."""

    name = "similar"

    _matrix: sp.csr_matrix
    _size: int
    _least_deviation: float

    def fit(self, data: TrainingData, options: TrainingOptions) -> None:
        fans, self._size = data.fans, data.size
        by_product = fans.T.tocsr()
        norms = np.sqrt(np.maximum(data.buyers, 1)).astype(np.float32)
        parts = [
            _nearest(by_product[start : start + ROWS_AT_ONCE] @ fans, start, norms, options)
            for start in range(0, by_product.shape[0], ROWS_AT_ONCE)
        ]
        empty = sp.csr_matrix((0, by_product.shape[0]), dtype=np.float32)
        self._matrix = sp.vstack([empty, *parts], format="csr", dtype=np.float32)
        self._least_deviation = 0.0
        found = [self.scores(viewer) for viewer in sample(data)]
        deviations = [scores.spread[1] for scores in found if scores is not None]
        self._least_deviation = float(np.median(deviations)) / 2 if deviations else 1.0

    def scores(self, viewer: Viewer) -> SimilarScores | None:
        products, interest = viewer.history
        weight = np.sign(interest)
        if len(viewer.context):
            # what is on the page counts as much as everything bought before
            page = np.full(len(viewer.context), max(len(products), 1) / len(viewer.context), np.float32)
            products, weight = np.concatenate((products, viewer.context)), np.concatenate((weight, page))
        target, cause, part = self._entries(products, weight)
        if not len(target):
            return None
        # numbers in a row sort much faster than their places do
        pairs = np.sort(target.astype(np.int64) << 32 | np.arange(len(target)))
        target, order = (pairs >> 32).astype(np.int32), pairs & 0xFFFFFFFF
        cause, part = cause.take(order), part.take(order)
        first = run_starts(target)
        score = np.add.reduceat(part, first)
        mean, deviation = spread_of(score, self._size)
        # a floor, so that the only pair that is known for a short history does not outweigh everything
        spread = mean, max(deviation, self._least_deviation)
        return SimilarScores(target[first], score, spread, target, cause, part)

    def to(self, product: int) -> tuple[IntArray, FloatArray]:
        """The products most similar to one, best first, and how similar they are (0 to 1)."""
        if not 0 <= product < self._matrix.shape[0]:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        row = slice(self._matrix.indptr[product], self._matrix.indptr[product + 1])
        near, likeness = self._matrix.indices[row], self._matrix.data[row]
        order = np.lexsort((near, -likeness))
        return near[order], likeness[order]

    def aligned(self, to: Moved) -> Self:
        twin = type(self)()
        twin._matrix, twin._size = moved(self._matrix, to.products, to.products), self._size
        twin._least_deviation = self._least_deviation
        return twin

    def state(self) -> State:
        matrix = self._matrix
        arrays = {"starts": matrix.indptr, "product": matrix.indices, "likeness": matrix.data}
        return State(arrays, {"size": self._size, "least_deviation": self._least_deviation})

    @classmethod
    def restored(cls, state: State) -> Self:
        scorer, (arrays, constants) = cls(), state
        count = len(arrays["starts"]) - 1
        parts = arrays["likeness"], arrays["product"], arrays["starts"]
        scorer._matrix, scorer._size = sp.csr_matrix(parts, (count, count)), int(constants["size"])
        scorer._least_deviation = float(constants["least_deviation"])
        return scorer

    def _entries(self, products: IntArray, weight: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        matrix = self._matrix  # clipped: a product it does not know gets no entries
        starts = matrix.indptr.take(products, mode="clip")
        lengths = matrix.indptr.take(products + 1, mode="clip") - starts
        place = ranges(starts, lengths)
        part = matrix.data.take(place) * weight.astype(np.float32).repeat(lengths)
        return matrix.indices.take(place), products.repeat(lengths), part


def _nearest(together: sp.csr_matrix, start: int, norms: FloatArray, options: TrainingOptions) -> sp.csr_matrix:
    """The rows of the published matrix for products from ``start``, given how many people bought each pair."""
    pairs = together.tocoo()
    row, column, count = pairs.row, pairs.col, pairs.data
    kept = (count >= options.min_support) & (row + start != column)
    row, column, count = row[kept], column[kept], count[kept]
    likeness = count / (norms[row + start] * norms[column]) * (count / (count + np.float32(options.shrinkage)))
    order = np.lexsort((column, -likeness, row))
    row, column, likeness = row[order], column[order], likeness[order]
    begins = np.searchsorted(row, row)
    best = np.arange(len(row)) - begins < options.neighbours
    nearest = sp.csr_matrix((likeness[best].astype(np.float32), (row[best], column[best])), together.shape)
    nearest.sort_indices()
    return nearest
