"""Everybody keeps as many friends, and gets others."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np

from graph.snapshot import Ties, rows_of, starts_of
from influence.rewire import rewired


def ties_of(pairs: list[tuple[int, int]], people: int) -> Ties:
    """Each pair in both directions; the age of a friendship is its place in the list."""
    both = sorted((one, other, since) for since, pair in enumerate(pairs) for one, other in (pair, pair[::-1]))
    start, end, since = np.array(both, np.int64).reshape(-1, 3).T
    return Ties(starts_of(start, people), end.astype(np.int32), since)


def pairs_of(ties: Ties) -> set[tuple[int, int]]:
    return {(a, b) for a, b in zip(rows_of(ties.starts).tolist(), ties.friend.tolist(), strict=True) if a < b}


def many(people: int, friendships: int) -> Ties:
    """A few people have far more friends than the others."""
    rng = np.random.default_rng(0)
    weight = rng.pareto(2, people) + 1
    ends = rng.choice(people, (2, friendships), p=weight / weight.sum())
    low, high = np.minimum(*ends), np.maximum(*ends)
    keys = np.unique((low * people + high)[low != high])
    one, other = keys // people, keys % people
    start, end = np.concatenate((one, other)), np.concatenate((other, one))
    order = np.lexsort((end, start))
    return Ties(starts_of(start[order], people), end[order].astype(np.int32), np.zeros(len(order), np.int64))


def test_all_graphs_of_four_people_with_one_friend_each_are_equally_likely() -> None:
    found = Counter(frozenset(pairs_of(rewired(ties_of([(0, 1), (2, 3)], 4), seed))) for seed in range(900))
    assert len(found) == 3
    assert all(abs(count - 300) < 65 for count in found.values())  # 4.6 standard deviations


def test_all_rings_and_their_like_are_equally_likely() -> None:
    """Six people with two friends each: 60 rings of six and 10 pairs of triangles."""
    ring = ties_of([(i, (i + 1) % 6) for i in range(6)], 6)
    found = Counter(frozenset(pairs_of(rewired(ring, seed, rounds=15))) for seed in range(2100))
    assert len(found) == 70
    expected = 30.0
    chi_squared = sum((count - expected) ** 2 / expected for count in found.values())
    assert chi_squared < 115  # 69 degrees of freedom: exceeded once in 2,400 times


def test_what_cannot_be_otherwise_stays() -> None:
    for pairs, people in (
        ([], 0),
        ([], 3),
        ([(0, 1)], 2),
        ([(0, 1), (0, 2), (1, 2)], 3),
        ([(0, 1), (0, 2), (0, 3)], 4),
    ):
        assert pairs_of(rewired(ties_of(pairs, people), 1)) == set(pairs)


def test_no_rounds_change_nothing_and_a_seed_is_one_graph() -> None:
    ties = many(200, 600)
    assert pairs_of(rewired(ties, 1, rounds=0)) == pairs_of(ties)
    assert pairs_of(rewired(ties, 1)) == pairs_of(rewired(ties, 1)) != pairs_of(rewired(ties, 2))


def test_few_friendships_stay_by_chance_alone() -> None:
    ties = many(2000, 8000)
    stayed = len(pairs_of(ties) & pairs_of(rewired(ties, 3))) / len(pairs_of(ties))
    assert stayed < 0.03


def test_ages_are_those_of_before() -> None:
    ties = ties_of([(0, 1), (2, 3), (4, 5), (1, 2), (0, 5)], 6)
    other = rewired(ties, 9)
    assert sorted(other.since.tolist()) == sorted(ties.since.tolist())
    ages = {}
    for one, friend, since in zip(
        rows_of(other.starts).tolist(), other.friend.tolist(), other.since.tolist(), strict=True
    ):
        assert ages.setdefault(frozenset((one, friend)), since) == since


def test_three_hundred_thousand_friendships_take_seconds() -> None:
    ties, began = many(60_000, 310_000), time.process_time()
    rewired(ties, 1)
    assert time.process_time() - began < 20  # about 2 on an idle machine
