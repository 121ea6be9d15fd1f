"""Whose facts differ between two snapshots of the same positions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.arrays import ranges
from graph.snapshot import BoolArray, IntArray, Snapshot

Rows = tuple[NDArray[np.int64], tuple[NDArray[Any], ...]]
"""Where the rows of each person start, and the columns."""


def changed_people(before: Snapshot, after: Snapshot) -> IntArray:
    """People whose purchases, opinions, friendships, receipts or year of birth differ, or who are only in ``after``.

    Parameters
    ----------
    before, after
        What has a position in ``before`` must have the same in ``after``; see ``positions`` of `graph.freeze.freeze`.

    Returns
    -------
    ndarray
        int32, ascending: their positions in ``after``.
    """
    known, people = len(before.customers), len(after.customers)
    differs = np.ones(people, np.bool_)
    differs[:known] = before.birth_year != after.birth_year[:known]
    differs[:known] |= (before.receipts != after.receipts[:known]).any(axis=1)
    for mine, theirs in zip(_tables(before), _tables(after), strict=True):
        differs[:known] |= _unequal(mine, theirs)
    return np.flatnonzero(differs).astype(np.int32)


def _tables(snapshot: Snapshot) -> Iterator[Rows]:
    """What people did, in an order that depends on nothing but the facts and the positions."""
    bought, thought, ties = snapshot.purchases, snapshot.opinions, snapshot.ties
    yield bought.starts, (bought.product, bought.at, bought.strength, bought.order, bought.flags)
    yield thought.starts, (thought.product, thought.at, thought.opinion)
    yield ties.starts, (ties.friend, ties.since)


def _unequal(before: Rows, after: Rows) -> BoolArray:
    """bool, one for each person of ``before``: whether the rows are others."""
    (starts, columns), (new_starts, new_columns) = before, after
    people = len(starts) - 1
    lengths = np.diff(starts)
    unequal: BoolArray = lengths != np.diff(new_starts)[:people]
    alike = np.flatnonzero(~unequal)
    rows, new_rows = ranges(starts[alike], lengths[alike]), ranges(new_starts[alike], lengths[alike])
    differs = np.zeros(len(rows), np.bool_)
    for mine, theirs in zip(columns, new_columns, strict=True):
        differs |= mine[rows] != theirs[new_rows]
    unequal[alike.repeat(lengths[alike])[differs]] = True
    return unequal
