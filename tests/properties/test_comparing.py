"""Whatever the figures: intervals hold together, seeds decide, and turning the question around turns the answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recommend import compare
from recommend.compare import differences, intervals

FIGURES = arrays(np.float64, st.tuples(st.integers(2, 12), st.integers(1, 3)), elements=st.floats(0, 1, width=16))


@pytest.fixture(scope="module", autouse=True)
def _few_draws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "DRAWS", 200)
        patch.setattr(compare, "FLIPS", 200)
        yield


@given(FIGURES, st.integers(0, 99))
def test_intervals_lie_within_the_figures_and_follow_from_the_seed(figures: np.ndarray, seed: int) -> None:
    found = intervals(figures, seed)
    assert found == intervals(figures, seed)
    for column, interval in zip(figures.T, found, strict=True):
        assert column.min() - 1e-9 <= interval.lower <= interval.upper <= column.max() + 1e-9


@given(FIGURES, st.integers(0, 99))
def test_the_other_way_round_is_the_other_sign(figures: np.ndarray, seed: int) -> None:
    other = figures[::-1]
    for one, turned in zip(differences(figures, other, seed), differences(other, figures, seed), strict=True):
        assert turned.mean == pytest.approx(-one.mean)
        assert (turned.lower, turned.upper) == pytest.approx((-one.upper, -one.lower))
        assert turned.p_value == one.p_value
        assert 0 < one.p_value <= 1
