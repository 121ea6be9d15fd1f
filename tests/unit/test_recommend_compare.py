"""Intervals and p-values: against a reference, against what they promise, and where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recommend import compare
from recommend.compare import differences, intervals, p_values


def test_intervals_are_those_of_the_reference() -> None:
    figures = np.random.default_rng(1).gamma(2, size=(150, 2))
    for column, ours in enumerate(intervals(figures, seed=3)):
        theirs = stats.bootstrap((figures[:, column],), np.mean, n_resamples=4000, method="percentile", rng=2)
        assert ours.lower == pytest.approx(theirs.confidence_interval.low, abs=0.02)
        assert ours.upper == pytest.approx(theirs.confidence_interval.high, abs=0.02)


def test_p_values_are_those_of_the_reference() -> None:
    gains = np.random.default_rng(2).normal(0.12, 1, size=(80, 2))
    for column, ours in enumerate(p_values(gains, seed=3)):
        theirs = stats.permutation_test(
            (gains[:, column], np.zeros(80)), lambda a, b: np.mean(a - b), permutation_type="samples", rng=2
        )
        assert ours == pytest.approx(theirs.pvalue, abs=0.02)


def test_an_exact_p_value_by_hand() -> None:
    """Of eight signs of three equal gains two give a mean as far from 0."""
    assert p_values(np.ones((3, 1)), seed=1)[0] == pytest.approx(2 / 8, abs=0.02)


def test_intervals_hold_the_true_mean_as_often_as_they_promise() -> None:
    rng, held = np.random.default_rng(7), 0
    for seed in range(200):
        (interval,) = intervals(rng.normal(1, 1, (60, 1)), seed)
        held += interval.lower <= 1 <= interval.upper
    assert 178 <= held <= 199


def test_models_that_are_alike_are_told_apart_as_rarely_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "FLIPS", 999)
    p = p_values(np.random.default_rng(8).normal(0, 1, (50, 400)), seed=1)
    assert 6 <= np.count_nonzero(np.array(p) <= 0.05) <= 36


def test_paired_differences_see_what_means_alone_hide() -> None:
    rng = np.random.default_rng(4)
    person = rng.normal(0, 5, (100, 1))
    one, other = person + 0.2, person + rng.normal(0, 0.1, (100, 1))
    (gain,) = differences(one, other, seed=1)
    assert gain.lower < gain.mean < gain.upper
    assert gain.mean == pytest.approx(0.2, abs=0.03)
    assert gain.lower > 0 and gain.p_value == 1 / (1 + compare.FLIPS)
    assert intervals(one, 1)[0].lower < 0


def test_equal_models_differ_by_nothing_for_certain() -> None:
    figures = np.random.default_rng(4).random((20, 1))
    assert differences(figures, figures, seed=1) == [(0, 0, 0, 1)]


def test_the_size_of_blocks_changes_nothing_but_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = np.random.default_rng(5).random((50, 3))
    whole = intervals(figures, 1)
    monkeypatch.setattr(compare, "CELLS", 60)
    for one, other in zip(whole, intervals(figures, 1), strict=True):
        assert one == pytest.approx(other, abs=0.02)


def test_what_is_sure_is_said_on_one_line() -> None:
    assert str(compare.Interval(0.1, 0.25)) == "[0.1000, 0.2500]"
    assert str(compare.Difference(0.01, -0.002, 0.022, 0.0417)) == "+0.0100 [-0.0020, +0.0220]  p 0.0417"
