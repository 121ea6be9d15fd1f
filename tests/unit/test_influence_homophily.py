"""Friends who buy alike are told from friends who do not, and nobody without friends breaks it."""

from __future__ import annotations

import numpy as np
import pytest

from graph.snapshot import Purchases, Ties, starts_of
from influence import homophily as room
from influence.homophily import homophily
from tests.unit.test_influence_rewire import ties_of


def purchases(rows: list[tuple[int, int]], people: int, flags: int = 0) -> Purchases:
    customer, product = np.array(sorted(rows), np.int32).reshape(-1, 2).T
    nothing = np.zeros(len(rows), np.int64)
    return Purchases(
        starts_of(customer, people),
        product,
        nothing,
        nothing.astype(np.float32),
        nothing,
        np.full(len(rows), flags, np.uint8),
    )


def circles(seed: int, alike: bool) -> tuple[Ties, Purchases, np.ndarray, np.ndarray]:
    """Two circles of friends; each buys from a half of the catalogue of its own if they are alike."""
    rng, people = np.random.default_rng(seed), 80
    ties = ties_of([(i, j) for i in range(people) for j in (i + 2, i + 4) if j < people], people)
    half = np.arange(people) % 2 if alike else rng.integers(0, 2, people)
    bought = np.array([rng.permutation(20)[:4] * 2 + half[i] for i in range(people)])
    before = purchases([(i, int(p)) for i in range(people) for p in bought[i, :3]], people)
    return ties, before, np.arange(people, dtype=np.int32), bought[:, 3].astype(np.int32)


def test_a_share_by_hand() -> None:
    ties = ties_of([(0, 1), (1, 2)], 4)
    before = purchases([(1, 5), (2, 6), (3, 7)], 4)
    later = [(0, 5), (0, 6), (1, 6), (3, 7), (2, 5), (2, -1)]  # 0-5, 1-6 and 2-5 are a friend's; -1 is not known
    customer, product = np.array(later, np.int32).T
    found = homophily(customer, product, before, ties, graphs=3, seed=1)
    assert found is not None
    assert (found.purchases, found.share, found.graphs) == (6, 3 / 6, 3)


def test_what_was_taken_back_is_not_owned() -> None:
    one = np.zeros(1, np.int32)
    found = homophily(one, one, purchases([(1, 0)], 2, flags=2), ties_of([(0, 1)], 2), graphs=2, seed=1)
    assert found is not None and found.share == 0


def test_friends_who_buy_alike_are_above_rewired_friends() -> None:
    ties, before, customer, product = circles(1, alike=True)
    found = homophily(customer, product, before, ties, graphs=39, seed=2)
    assert found is not None
    assert found.share > found.upper >= found.rewired >= found.lower
    assert found.p_value == 1 / 40


def test_p_values_of_friends_by_chance_are_spread_evenly() -> None:
    found = [homophily(c, p, b, t, graphs=19, seed=s) for s in range(40) for t, b, c, p in [circles(s, alike=False)]]
    p_values = np.array([one.p_value for one in found if one])
    assert np.count_nonzero(p_values <= 0.1) <= 10
    assert 0.35 < p_values.mean() < 0.7


def test_the_size_of_blocks_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    ties, before, customer, product = circles(3, alike=True)
    whole = homophily(customer, product, before, ties, graphs=2, seed=4)
    monkeypatch.setattr(room, "BLOCK", 7)
    assert homophily(customer, product, before, ties, graphs=2, seed=4) == whole


def test_without_purchases_or_friends_there_is_nothing_to_say() -> None:
    ties, before, customer, product = circles(1, alike=True)
    assert homophily(customer[:0], product[:0], before, ties, graphs=2, seed=1) is None
    assert homophily(customer, product, before, ties_of([], 80), graphs=2, seed=1) is None
    nobody_bought = homophily(customer, product, purchases([], 80), ties, graphs=2, seed=1)
    assert nobody_bought is not None and (nobody_bought.share, nobody_bought.p_value) == (0, 1)


def test_progress_reaches_the_end() -> None:
    told: list[float] = []
    ties, before, customer, product = circles(1, alike=True)
    homophily(customer, product, before, ties, graphs=2, seed=1, progress=lambda step, done: told.append(done))
    assert told == [0, 0.5, 1]
