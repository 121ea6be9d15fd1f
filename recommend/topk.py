"""The best products of a whole catalogue by inner product, exactly, without looking at most of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph.arrays import run_starts
from graph.snapshot import BoolArray, FloatArray, IntArray

BLOCK = 2048
"""Rows of the first block, beside twice the number wanted."""

NONE = np.zeros(0, np.int32)
"""No products."""

SLACK = 1 + 1e-5
"""Room for rounding in the bound: inner products are sums of float32."""


class FactorTable:
    """Products as vectors, sorted by falling norm.

    A product can score at most its norm times the norm of the query (Cauchy and Schwarz), so a scan in this order may
    stop as soon as that bound falls below the k-th best score found.

    Parameters
    ----------
    factors
        float32 ``[products, f]``.
    size
        How many of them count for the mean and the deviation of scores; the vectors of the others are zero.
    """

    def __init__(self, factors: FloatArray, size: int) -> None:
        norms = np.sqrt(np.einsum("ij,ij->i", factors, factors))
        self._order = np.argsort(-norms, kind="stable").astype(np.int32)
        self._falling = -norms[self._order]
        count, width = factors.shape
        self._rows = np.concatenate((factors[self._order], np.zeros((1, width), np.float32)))
        self._place = np.full(count + 1, count, np.int32)
        self._place[self._order] = np.arange(count, dtype=np.int32)
        total, exact = max(size, 1), factors.astype(np.float64)
        self._mean = exact.sum(0) / total
        self._covariance = exact.T @ exact / total - np.outer(self._mean, self._mean)

    def __len__(self) -> int:
        return len(self._order)

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return int(self._rows.shape[1])

    def at(self, query: FloatArray, products: IntArray) -> FloatArray:
        """float32: the inner product with each of these products; 0 for products that the table does not know."""
        scores: FloatArray = self.rows(products) @ query
        return scores

    def rows(self, products: IntArray) -> FloatArray:
        """float32 ``[n, f]``: the vectors of these products."""
        rows: FloatArray = self._rows.take(self._place.take(products, mode="clip"), axis=0)
        return rows

    def spread(self, query: FloatArray) -> tuple[float, float]:
        """Mean and standard deviation of the scores of all products, from the moments of their vectors alone."""
        exact = query.astype(np.float64)
        return float(exact @ self._mean), float(np.sqrt(max(float(exact @ self._covariance @ exact), 0.0)))

    def top(self, query: FloatArray, count: int, allowed: BoolArray | None = None) -> IntArray:
        """int32, best first: the products with the greatest inner products; equal ones by position.

        Parameters
        ----------
        query
            float32 ``[f]``.
        count
            How many.
        allowed
            bool ``[products or more]``: the others are passed over.
        """
        if count < 1:
            return self._order[:0]
        most = self._falling * (np.sqrt(query @ query) * np.float32(SLACK))  # the bound of each, negative: ascending
        products, scores, least = self._order[:0], most[:0], np.float32(-np.inf)
        start, length, end = 0, BLOCK + 2 * count, len(self)
        while start < end:
            block = slice(start, min(start + length, end))
            fresh, found = self._order[block], self._rows[block] @ query
            better = found >= least
            if allowed is not None:
                better &= allowed.take(fresh)
            kept = better.nonzero()[0]
            products, scores = np.concatenate((products, fresh.take(kept))), np.concatenate((scores, found.take(kept)))
            if len(scores) >= count:
                least = kth_greatest(scores, count)
                kept = (scores >= least).nonzero()[0]
                products, scores, end = products.take(kept), scores.take(kept), most.searchsorted(-least, "right")
            start, length = block.stop, length * 2
        order = products.argsort()
        return products[order[best_first(scores[order], count)]]


def kth_greatest(scores: FloatArray, count: int) -> np.float32:
    """The ``count``-th greatest of at least that many scores."""
    place, scores = len(scores) - count, scores.copy()
    scores.partition(place)
    least: np.float32 = scores[place]
    return least


def best_first(scores: FloatArray, count: int) -> NDArray[np.intp]:
    """Where the ``count`` greatest scores are, best first; equal ones by place."""
    if not 0 < count < len(scores):
        return (-scores).argsort(kind="stable")[:count]
    kept = (scores >= kth_greatest(scores, count)).nonzero()[0]
    order: NDArray[np.intp] = kept[(-scores[kept]).argsort(kind="stable")[:count]]
    return order


def among(products: IntArray, some: IntArray) -> BoolArray:
    """Which products are among these ascending ones."""
    if not len(some):
        return np.zeros(len(products), np.bool_)
    among: BoolArray = some.take(some.searchsorted(products), mode="clip") == products
    return among


def union(lists: Sequence[IntArray]) -> IntArray:
    """Distinct products of some lists, ascending."""
    products = np.sort(np.concatenate([NONE, *lists]))
    return products[run_starts(products)]
