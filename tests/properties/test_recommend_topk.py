"""The pruned scan finds what a full scan finds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recommend import topk
from recommend.scores import FixedScores, SparseScores
from recommend.topk import FactorTable, best_first

SMALL = st.integers(-4, 4).map(float)
"""Whole numbers: their inner products are exact, and often equal."""


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    """So that small worlds have many blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topk, "BLOCK", 1)
        yield


@st.composite
def worlds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    count, width = draw(st.integers(0, 40)), draw(st.integers(1, 4))
    factors = draw(arrays(np.float32, (count, width), elements=SMALL))
    query = draw(arrays(np.float32, width, elements=SMALL))
    allowed = draw(arrays(np.bool_, len(factors) + draw(st.integers(0, 3))))
    return factors, query, allowed, draw(st.integers(0, len(factors) + 2))


def brute_force(scores: np.ndarray, allowed: np.ndarray, count: int) -> list[int]:
    return sorted(np.flatnonzero(allowed[: len(scores)]).tolist(), key=lambda product: (-scores[product], product))[
        :count
    ]


@given(worlds())
def test_the_best_of_a_pruned_scan_are_those_of_a_full_scan(
    world: tuple[np.ndarray, np.ndarray, np.ndarray, int],
) -> None:
    factors, query, allowed, count = world
    found = FactorTable(factors, len(factors)).top(query, count, allowed)
    assert found.tolist() == brute_force(factors @ query, allowed, count)


def test_a_scan_stops_long_before_the_end_where_few_products_have_great_norms() -> None:
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((20_000, 16), np.float32) * rng.lognormal(0, 1.5, 20_000)[:, None].astype(np.float32)
    table, looked = FactorTable(factors, len(factors)), np.ones(20_000, np.bool_)
    far = np.argsort(np.linalg.norm(factors, axis=1))[:10_000]
    table._rows[table._place[far]] = np.nan  # a scan that came here would find no number
    for query in rng.standard_normal((20, 16), np.float32):
        scores = factors @ query
        assert table.top(query, 20, looked).tolist() == brute_force(scores, looked, 20)


@given(worlds())
def test_the_moments_of_scores_need_no_scan(world: tuple[np.ndarray, np.ndarray, np.ndarray, int]) -> None:
    factors, query, _, _ = world
    mean, deviation = FactorTable(factors, len(factors)).spread(query)
    scores = (factors @ query).astype(np.float64) if len(factors) else np.zeros(1)
    np.testing.assert_allclose((mean, deviation), (scores.mean(), scores.std()), atol=1e-5)


def test_products_that_the_table_does_not_know_score_nothing() -> None:
    table = FactorTable(np.array([[1, 2]], np.float32), 1)
    assert table.at(np.array([1, 1], np.float32), np.array([0, 1, 7])).tolist() == [3, 0, 0]


@given(arrays(np.float32, st.integers(0, 60), elements=SMALL), st.integers(1, 70), st.data())
def test_scores_for_everybody_and_scores_of_a_few_give_their_best_alike(
    score: np.ndarray, count: int, data: st.DataObject
) -> None:
    allowed = data.draw(arrays(np.bool_, len(score)))
    wanted = [product for product in brute_force(score, allowed, len(score)) if score[product] > 0][:count]
    some = np.flatnonzero(score).astype(np.int32)
    assert FixedScores(score, len(score)).top(count, allowed).tolist() == wanted
    assert SparseScores(some, score[some], (0.0, 1.0)).top(count, allowed).tolist() == wanted


@given(arrays(np.float32, st.integers(0, 30), elements=SMALL), st.integers(0, 40))
def test_best_first_is_a_sort_cut_short(scores: np.ndarray, count: int) -> None:
    found = best_first(scores, count).tolist()
    assert found == sorted(range(len(scores)), key=lambda place: (-scores[place], place))[:count]
