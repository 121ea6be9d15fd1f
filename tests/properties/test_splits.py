"""Whatever was bought: both parts together are everything, no pair is in both, and nobody is robbed of all by chance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import Refused
from graph.moments import DAY
from recommend.split import hold_out
from tests.unit.test_recommend_split import frozen, pairs, wanted
from tests.worlds import OLD, bought

ROWS = st.sets(st.tuples(st.sampled_from("abcd"), st.sampled_from("pqrstu"), st.integers(0, 6)), max_size=30)


@pytest.mark.parametrize("how", ["random", "last", "time"])
@given(ROWS, st.floats(0.05, 0.95), st.integers(0, 50))
def test_a_split_is_a_split(how: str, rows: set[tuple[str, str, int]], share: float, seed: int) -> None:
    snapshot = frozen(bought(who, what, OLD + day * DAY) for who, what, day in rows)
    try:
        held = hold_out(snapshot, how, share=share, seed=seed)  # type: ignore[arg-type]
    except Refused:
        return
    before = pairs(held.rest)
    assert wanted(held).isdisjoint(before)
    assert wanted(held) | before == pairs(snapshot)
    assert held.truth == hold_out(snapshot, how, share=share, seed=seed).truth  # type: ignore[arg-type]
    if how != "time":
        assert {customer for customer, _ in before} == {who for who, _, _ in rows}
    if how == "last":
        assert {len(products) for products in held.truth.values()} == {1}
