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


def pairs(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.int64]:
    """int64: ``one << 32 | other``, of positions: sorts as the pair does, and is quicker to compare."""
    both: NDArray[np.int64] = one.astype(np.int64) << 32 | other
    return both


def places_in_runs(run: NDArray[Any], *keys: NDArray[Any]) -> NDArray[np.int64]:
    """int64: where each entry stands among those of its run, from 0, by the first key, then the next; ``run`` ascends."""
    starts = run_starts(run)
    places = np.empty(len(run), np.int64)
    places[np.lexsort((*reversed(keys), run))] = np.arange(len(run)) - starts.repeat(run_lengths(starts, len(run)))
    return places


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64: ``starts[0], starts[0] + 1, ...``, as many as ``lengths[0]``, then the next."""
    ends = lengths.cumsum()
    places: NDArray[np.int64] = (starts - ends + lengths).repeat(lengths)
    places += np.arange(len(places))
    return places
