"""The item model: which products foretell which, all of them weighed against each other.

A ridge regression of every product on all others, in closed form (EASE: Steck, "Embarrassingly shallow autoencoders for
sparse data", WWW 2019). With ``X`` the people's histories, ``P = (X'X + penalty I)^-1`` and ``B = I - P / diag(P)``.
The same ``B`` comes from a system over people, ``X'(XX' + penalty I)^-1 X`` (the matrix inversion lemma), so the smaller
of the two sides is solved, exactly. What is published of each row are its greatest weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

from graph.arrays import places_in_runs
from graph.snapshot import FloatArray, IntArray, rows_of
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorers.neighbours import Neighbours, strongest

LEAST_BUYERS = 2
"""A product of one person foretells nothing but that person."""

LARGEST = 20_000
"""People or products, whichever are fewer; where both are more, the products with most buyers take part. The time is
cubic, the memory is square: 3.2 GB at the most."""

ROWS_AT_ONCE = 512


class ItemModel(Neighbours):
    """Positive weights draw products in, negative ones keep apart what is bought one instead of the other."""

    name = "items"

    def weights(self, data: TrainingData, options: TrainingOptions) -> sp.csr_matrix:
        known = _products(data, LARGEST)
        catalogue = data.fans.shape[1]
        if not len(known):
            return sp.csr_matrix((catalogue, catalogue), dtype=np.float32)
        histories = data.fans[:, known]
        histories = histories[np.diff(histories.indptr) > 0]
        rows = solved(histories, options.item_penalty)
        parts = []
        for start in range(0, len(known), ROWS_AT_ONCE):
            block = rows(start, min(start + ROWS_AT_ONCE, len(known)))
            parts.append(strongest(block, known, options.item_width, catalogue))
        return _placed(sp.vstack(parts, format="csr"), known, catalogue)

    def narrowed(self, width: int) -> Self:
        """The same model with fewer weights per product."""
        matrix, row = self.matrix, rows_of(self.matrix.indptr)
        kept = np.flatnonzero(places_in_runs(row, -np.abs(matrix.data)) < width)
        parts = matrix.data[kept], (row[kept], matrix.indices[kept])
        return self._with(sp.csr_matrix(parts, matrix.shape))


def solved(histories: sp.csr_matrix, penalty: float) -> Callable[[int, int], FloatArray]:
    """``B`` of the formula, without its diagonal, a block of rows at a time: float32 ``[stop - start, products]``.

    Parameters
    ----------
    histories
        float32 ``[people, products]``, 1 where somebody has a product.
    penalty
        Of the ridge regression, above 0.
    """
    people, products = histories.shape
    if people > products:
        inverse = _inverse((histories.T @ histories).toarray(), penalty)
        falling: FloatArray = (-1 / inverse.diagonal()).astype(np.float32)

        def rows(start: int, stop: int) -> FloatArray:
            return _without_diagonal(inverse[start:stop] * falling, start)

        return rows
    by_product = histories.T.tocsr()
    # in rows of people: a sparse product with columns side by side takes many times as long
    dual = np.ascontiguousarray((by_product @ _inverse((histories @ by_product).toarray(), penalty)).T)
    left = 1 - np.asarray(histories.multiply(dual).sum(0)).ravel()
    scale = (1 / np.maximum(left, np.finfo(np.float32).eps)).astype(np.float32)

    def rows_of_people(start: int, stop: int) -> FloatArray:
        return _without_diagonal(np.asarray(by_product[start:stop] @ dual) * scale, start)

    return rows_of_people


def _inverse(gram: FloatArray, penalty: float) -> FloatArray:
    """Of ``gram + penalty I``, by Cholesky factors, in the place of the argument."""
    gram[np.diag_indices_from(gram)] += np.float32(penalty)
    factor, failed = lapack.spotrf(gram.T, lower=1, overwrite_a=1)
    inverse, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise FloatingPointError(f"the item model cannot be solved with a penalty of {penalty:g}: choose a greater one")
    for start in range(0, len(inverse), ROWS_AT_ONCE):  # only the lower half was written
        stop = start + ROWS_AT_ONCE
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
        corner = np.tril(inverse[start:stop, start:stop])
        inverse[start:stop, start:stop] = corner + np.tril(corner, -1).T
    whole: FloatArray = inverse.T
    return whole


def _without_diagonal(rows: FloatArray, start: int) -> FloatArray:
    at = np.arange(len(rows))
    rows[at, start + at] = 0
    return rows


def _products(data: TrainingData, most: int) -> IntArray:
    """int32, ascending: products that take part."""
    known = np.flatnonzero(data.buyers >= LEAST_BUYERS)
    people = int(np.count_nonzero(np.diff(data.fans.indptr)))
    if min(people, len(known)) > most:
        known = np.sort(known[np.argsort(-data.buyers[known], kind="stable")[:most]])
    return known.astype(np.int32)


def _placed(rows: sp.csr_matrix, known: IntArray, catalogue: int) -> sp.csr_matrix:
    """Rows of some products as rows of the catalogue."""
    lengths = np.zeros(catalogue, np.int64)
    lengths[known] = np.diff(rows.indptr)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    return sp.csr_matrix((rows.data, rows.indices, starts), (catalogue, catalogue))
