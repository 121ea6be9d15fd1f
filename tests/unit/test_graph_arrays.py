"""Runs and ranges, against loops."""

from __future__ import annotations

import numpy as np
import pytest

from graph.arrays import pairs, places_in_runs, ranges, run_lengths, run_starts


@pytest.mark.parametrize(
    ("ascending", "starts", "lengths"),
    [([], [], []), ([7], [0], [1]), ([1, 1, 2, 5, 5, 5], [0, 2, 3], [2, 1, 3])],
)
def test_runs_of_equal_values_begin_and_last(ascending: list[int], starts: list[int], lengths: list[int]) -> None:
    found = run_starts(np.array(ascending, np.int64))
    assert found.tolist() == starts
    assert run_lengths(found, len(ascending)).tolist() == lengths


@pytest.mark.parametrize(
    ("starts", "lengths"), [([], []), ([5], [0]), ([3, 9, 1], [2, 0, 3]), ([0, 0, 4], [1, 1, 1]), ([8, 2], [0, 2])]
)
def test_ranges_follow_each_other(starts: list[int], lengths: list[int]) -> None:
    wanted = [start + step for start, length in zip(starts, lengths, strict=True) for step in range(length)]
    assert ranges(np.array(starts, np.int64), np.array(lengths, np.int64)).tolist() == wanted


def test_pairs_sort_as_their_parts_do() -> None:
    one, other = np.array([2, 0, 2, 1], np.int32), np.array([1, 9, 0, 7], np.int32)
    assert np.argsort(pairs(one, other)).tolist() == [1, 3, 2, 0]
    assert (pairs(one, other) & 0xFFFFFFFF).tolist() == other.tolist()


def test_places_in_runs_follow_the_first_key_then_the_next() -> None:
    run, key, second = np.array([4, 4, 4, 7, 9, 9]), np.array([2, 1, 1, 5, 3, 0]), np.array([0, 9, 8, 0, 0, 0])
    assert places_in_runs(run, key, second).tolist() == [2, 1, 0, 0, 1, 0]
    assert places_in_runs(run[:0], key[:0]).tolist() == []
