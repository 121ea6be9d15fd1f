"""What scorers share that go from product to product: a published sparse matrix, and the sum over a person's history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from graph.arrays import ranges
from graph.ids import UNKNOWN
from graph.moments import Moment
from graph.snapshot import BoolArray, FloatArray, IntArray
from recommend.interest import TrainingData, recency
from recommend.options import TrainingOptions
from recommend.scorer import Moved, State, moved, sample
from recommend.scores import spread_of
from recommend.topk import among, best_first
from recommend.viewer import Viewer


@dataclass(frozen=True)
class NeighbourScores:
    """The sum over a person's products, and which of them stand behind it.

    Attributes
    ----------
    score
        float32 ``[products + 1]``; the last stands for all that the matrix does not know.
    spread
        Given by the scorer.
    target, cause, part
        Entry i adds ``part[i]`` to the score of ``target[i]`` because of ``cause[i]``.
    """

    score: FloatArray
    spread: tuple[float, float]
    target: IntArray
    cause: IntArray
    part: FloatArray

    def at(self, products: IntArray) -> FloatArray:
        scores: FloatArray = self.score.take(products, mode="clip")
        return scores

    def top(self, count: int, allowed: BoolArray) -> IntArray:
        known = len(self.score) - 1
        kept = ((self.score[:known] > 0) & allowed[:known]).nonzero()[0].astype(np.int32)
        return kept[best_first(self.score.take(kept), count)]

    def main_causes(self, products: IntArray) -> list[int]:
        """For each product the one of the person that adds most to it, `UNKNOWN` where nothing speaks for it."""
        some = (among(self.target, np.sort(products)) & (self.part > 0)).nonzero()[0]
        some = some[np.lexsort((-self.part.take(some), self.target.take(some)))]
        target, cause = self.target.take(some), np.append(self.cause.take(some), UNKNOWN)
        first = target.searchsorted(products)
        found = np.append(target, UNKNOWN).take(first) == products
        causes: list[int] = np.where(found, cause.take(first), UNKNOWN).tolist()
        return causes


class Neighbours(ABC):
    """A scorer whose ``matrix``, float32 ``[products, products]``, holds in each row what one product says of others."""

    name: str

    matrix: sp.csr_matrix
    _size: int
    _as_of: Moment
    _recency: Moment | None
    _least_deviation: float

    def fit(self, data: TrainingData, options: TrainingOptions) -> None:
        self._size, self._as_of, self._recency = data.size, data.snapshot.as_of, options.recency
        self.matrix = self.weights(data, options)
        self._least_deviation = 0.0
        found = [self.scores(viewer) for viewer in sample(data)]
        deviations = [scores.spread[1] for scores in found if scores is not None]
        self._least_deviation = float(np.median(deviations)) / 2 if deviations else 1.0

    @abstractmethod
    def weights(self, data: TrainingData, options: TrainingOptions) -> sp.csr_matrix:
        """Learn the matrix."""

    def scores(self, viewer: Viewer) -> NeighbourScores | None:
        products, interest, newest = viewer.history
        weight = np.sign(interest) * recency(newest, self._as_of, self._recency)
        if len(viewer.context):
            # what is on the page counts as much as everything bought before
            page = np.full(len(viewer.context), max(len(products), 1) / len(viewer.context), np.float32)
            products, weight = np.concatenate((products, viewer.context)), np.concatenate((weight, page))
        target, cause, part = self._entries(products, weight)
        if not len(target):
            return None
        score = np.bincount(target, part, self.matrix.shape[0] + 1).astype(np.float32)
        mean, deviation = spread_of(score, self._size)
        # a floor, so that the only pair that is known for a short history does not outweigh everything
        return NeighbourScores(score, (mean, max(deviation, self._least_deviation)), target, cause, part)

    def aligned(self, to: Moved) -> Self:
        return self._with(moved(self.matrix, to.products, to.products))

    def state(self) -> State:
        arrays = {"starts": self.matrix.indptr, "product": self.matrix.indices, "weight": self.matrix.data}
        figures = {"size": self._size, "as_of": self._as_of, "recency": self._recency}
        return State(arrays, {**figures, "least_deviation": self._least_deviation})

    @classmethod
    def restored(cls, state: State) -> Self:
        scorer, (arrays, constants) = cls(), state
        count = len(arrays["starts"]) - 1
        scorer.matrix = sp.csr_matrix((arrays["weight"], arrays["product"], arrays["starts"]), (count, count))
        scorer._size, scorer._as_of = int(constants["size"]), int(constants["as_of"])
        scorer._recency, scorer._least_deviation = constants["recency"], float(constants["least_deviation"])
        return scorer

    def _with(self, matrix: sp.csr_matrix) -> Self:
        """The same scorer with another matrix."""
        twin = type(self)()
        twin.__dict__.update(self.__dict__)
        twin.matrix = matrix
        return twin

    def _entries(self, products: IntArray, weight: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        matrix = self.matrix  # clipped: a product it does not know gets no entries
        starts = matrix.indptr.take(products, mode="clip")
        lengths = matrix.indptr.take(products + 1, mode="clip") - starts
        place = ranges(starts, lengths)
        part = matrix.data.take(place) * weight.astype(np.float32).repeat(lengths)
        return matrix.indices.take(place), products.repeat(lengths), part


def strongest(rows: FloatArray, products: IntArray, width: int, catalogue: int) -> sp.csr_matrix:
    """The ``width`` greatest magnitudes of each of some dense ``rows``, float32 ``[n, catalogue]``; ``products``,
    ascending, says which products the columns of ``rows`` are."""
    width = min(width, rows.shape[1])
    best = np.sort(np.argpartition(-np.abs(rows), width - 1, axis=1)[:, :width], axis=1)
    data: Any = np.take_along_axis(rows, best, axis=1).ravel().astype(np.float32)
    starts = np.arange(0, rows.shape[0] * width + 1, width)
    found = sp.csr_matrix((data, products[best.ravel()], starts), (rows.shape[0], catalogue))
    found.eliminate_zeros()
    return found
