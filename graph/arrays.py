"""Small tools of arrays that stand on the way of every answer: plain comparisons are several times faster than `numpy.diff`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def run_starts(ascending: NDArray[Any]) -> NDArray[np.intp]:
    """Where each run of equal values begins.

    Parameters
    ----------
    ascending
        One dimension, sorted.

    Returns
    -------
    ndarray
        intp, as long as there are distinct values: ``ascending[run_starts(ascending)]`` are these.
    """
    first = np.empty(len(ascending), np.bool_)
    first[:1] = True
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return first.nonzero()[0]


def run_lengths(starts: NDArray[np.intp], total: int) -> NDArray[np.intp]:
    """intp: how long each run is, of those in ``total`` values that begin at ``starts``."""
    lengths = np.empty(len(starts), np.intp)
    np.subtract(starts[1:], starts[:-1], out=lengths[:-1])
    lengths[-1:] = total - starts[-1:]
    return lengths


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64: ``starts[0], starts[0] + 1, ...``, as many as ``lengths[0]``, then the next."""
    ends = lengths.cumsum()
    places: NDArray[np.int64] = (starts - ends + lengths).repeat(lengths)
    places += np.arange(len(places))
    return places
