"""Bought by the same people: cosine between products, damped where few people stand behind it."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from graph.arrays import places_in_runs
from graph.snapshot import FloatArray, IntArray
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorers.neighbours import Neighbours

ROWS_AT_ONCE = 512


class Similar(Neighbours):
    """The most similar products of each. Pairs with fewer than ``min_support`` people are left out."""

    name = "similar"

    def weights(self, data: TrainingData, options: TrainingOptions) -> sp.csr_matrix:
        fans = data.fans
        by_product = fans.T.tocsr()
        norms = np.sqrt(np.maximum(data.buyers, 1)).astype(np.float32)
        parts = [
            _nearest(by_product[start : start + ROWS_AT_ONCE] @ fans, start, norms, options)
            for start in range(0, by_product.shape[0], ROWS_AT_ONCE)
        ]
        empty = sp.csr_matrix((0, by_product.shape[0]), dtype=np.float32)
        return sp.vstack([empty, *parts], format="csr", dtype=np.float32)

    def to(self, product: int) -> tuple[IntArray, FloatArray]:
        """The products most similar to one, best first, and how similar they are (0 to 1)."""
        if not 0 <= product < self.matrix.shape[0]:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        row = slice(self.matrix.indptr[product], self.matrix.indptr[product + 1])
        near, likeness = self.matrix.indices[row], self.matrix.data[row]
        order = np.lexsort((near, -likeness))
        return near[order], likeness[order]


def _nearest(together: sp.csr_matrix, start: int, norms: FloatArray, options: TrainingOptions) -> sp.csr_matrix:
    """The rows of the published matrix for products from ``start``, given how many people bought each pair."""
    pairs = together.tocoo()
    row, column, count = pairs.row, pairs.col, pairs.data
    kept = (count >= options.min_support) & (row + start != column)
    row, column, count = row[kept], column[kept], count[kept]
    likeness = count / (norms[row + start] * norms[column]) * (count / (count + np.float32(options.shrinkage)))
    best = places_in_runs(row, -likeness, column) < options.neighbours
    nearest = sp.csr_matrix((likeness[best].astype(np.float32), (row[best], column[best])), together.shape)
    nearest.sort_indices()
    return nearest
