"""Who agreed to what. The state of a purpose is the greatest receipt, so the order of arrival does not matter.

A receipt becomes one integer, ``2 * at + refused``: a later one is greater, and of two of the same moment the refusal is. A fold of
receipts is then a maximum, for one person as for arrays.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from graph.moments import LONG_AGO, Moment
from graph.records import PURPOSES, Purpose

NO_RECEIPT = -(2**63)
BIT: dict[Purpose, int] = {purpose: 1 << place for place, purpose in enumerate(PURPOSES)}


def receipt(granted: bool, at: Moment | None) -> int:
    """One receipt as an integer that is greater the more it counts."""
    return 2 * (LONG_AGO if at is None else at) + (not granted)


def mask(purposes: Iterable[Purpose]) -> int:
    """A set of purposes as bits."""
    return sum({BIT[purpose] for purpose in purposes})


def granted(receipts: NDArray[np.int64], presumed: int) -> NDArray[np.uint8]:
    """What each person agrees to.

    Parameters
    ----------
    receipts
        int64 ``[..., 6]``: the greatest receipt per purpose, in the order of `graph.records.PURPOSES`; `NO_RECEIPT` where there is none.
    presumed
        Bits of the purposes that count as granted until a receipt says otherwise.

    Returns
    -------
    ndarray
        uint8 ``[...]``, bits as in `BIT`.
    """
    bits = np.array([BIT[purpose] for purpose in PURPOSES], np.uint8)
    silent = receipts == NO_RECEIPT
    yes = np.where(silent, (presumed & bits) != 0, (receipts & 1) == 0)
    agreed: NDArray[np.uint8] = np.bitwise_or.reduce(np.where(yes, bits, np.uint8(0)), axis=-1)
    return agreed
