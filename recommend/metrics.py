"""How good a ranked list is, with binary relevance. The ideal list of NDCG holds ``min(k, wanted)`` hits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.snapshot import BoolArray

Figures = NDArray[np.float64]


def ndcg(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002, binary gains, logarithm to base 2).

    Parameters
    ----------
    hits
        bool ``[lists, ranks]``: which places hold a wanted product.
    wanted
        int64 ``[lists]``: how many products were wanted, at least 1.
    k
        Ranks that count.

    Returns
    -------
    ndarray
        float64 ``[lists]``.
    """
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.concatenate(([0.0], np.cumsum(discount)))[np.minimum(wanted, k)]
    top = hits[:, :k]
    figures: Figures = top @ discount[: top.shape[1]] / ideal
    return figures


def precision(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """Hits among the first k, by k."""
    figures: Figures = hits[:, :k].sum(1) / k
    return figures


def recall(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """Hits among the first k, by how many were wanted."""
    figures: Figures = hits[:, :k].sum(1) / wanted
    return figures


def hit_rate(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """1 where there is any hit among the first k."""
    return np.asarray(hits[:, :k].any(1), np.float64)


def mrr(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """One by the rank of the first hit, 0 without one."""
    top = hits[:, :k]
    if not top.shape[1]:
        return np.zeros(len(hits))
    first = np.where(top.any(1), top.argmax(1) + 1, np.inf)
    return np.asarray(1 / first)


def average_precision(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """Mean of the precision at each hit, by ``min(k, wanted)``."""
    top = hits[:, :k]
    at_hits = np.where(top, np.cumsum(top, 1) / np.arange(1, top.shape[1] + 1), 0)
    figures: Figures = at_hits.sum(1) / np.minimum(wanted, k)
    return figures


METRICS = {
    "recall": recall,
    "precision": precision,
    "ndcg": ndcg,
    "hit_rate": hit_rate,
    "mrr": mrr,
    "map": average_precision,
}
"""By the name that reports use; ``map`` and the others are means over people."""
