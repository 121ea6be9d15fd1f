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
    first = np.ones(len(ascending), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return first.nonzero()[0]
