"""Whatever the friendships: rewiring keeps everybody's number of friends and makes no impossible friendship."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph.snapshot import Ties, rows_of, starts_of
from influence.rewire import rewired


@st.composite
def friendships(draw: st.DrawFn) -> Ties:
    people = draw(st.integers(0, 12))
    person = st.integers(0, max(people - 1, 0))
    pairs = draw(st.sets(st.tuples(person, person).filter(lambda pair: pair[0] < pair[1])))
    both = np.array(sorted(pairs | {pair[::-1] for pair in pairs}), np.int64).reshape(-1, 2)
    since = both.min(1, initial=99) * 100 + both.max(1, initial=0)
    return Ties(starts_of(both[:, 0], people), both[:, 1].astype(np.int32), since)


@given(friendships(), st.integers(0, 1000), st.integers(0, 30))
def test_degrees_are_exact_and_the_form_is_that_of_a_snapshot(ties: Ties, seed: int, rounds: int) -> None:
    found = rewired(ties, seed, rounds)
    assert found.starts.tolist() == ties.starts.tolist()
    pairs = list(zip(rows_of(found.starts).tolist(), found.friend.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    assert all(one != other for one, other in pairs)
    assert {pair[::-1] for pair in pairs} == set(pairs)
    assert (found.friend.dtype, found.since.dtype, len(found.since)) == (np.int32, np.int64, len(pairs))
