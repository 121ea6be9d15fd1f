"""Places of marks: on the scale, in sight, and labels that do not cover each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.plots import Row, apart, points, round_steps, rows

VALUES = st.floats(-1, 1, width=32)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.31, 0.47, [0.3, 0.35, 0.4, 0.45, 0.5]),
        (-0.013, 0.042, [-0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        (0.0, 0.0, [0.0, 0.2]),
        (0.5, 0.5, [0.5, 0.6]),
        (-3e-18, 2e-18, [0.0, 0.2]),
    ],
)
def test_ticks_are_round_numbers_around_the_values(low: float, high: float, expected: list[float]) -> None:
    assert round_steps(low, high) == expected


@given(st.lists(VALUES, min_size=1, max_size=9))
def test_every_mark_is_within_the_axis(values: list[float]) -> None:
    plot = rows("t", "u", [Row("a", value, (value - 0.1, value + 0.1)) for value in values], signed=True)
    assert all(plot.left <= place <= plot.right for mark in plot.marks for place in (mark.x, *(mark.between or ())))
    assert plot.reference is not None and plot.left <= plot.reference <= plot.right
    assert len({tick.text for tick in plot.ticks}) == len(plot.ticks)


def test_a_row_says_its_figures() -> None:
    (mark,) = rows("t", "u", [Row("a", 0.5, (0.25, 0.75))]).marks
    assert (mark.text, mark.between is not None) == ("0.5000 [0.2500, 0.7500]", True)
    (mark,) = rows("t", "u", [Row("a", 0.5)], signed=True, digits=1).marks
    assert (mark.text, mark.between) == ("+0.5", None)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=15))
@example([(-4.6e-20, -9.2e-20), (9.7e-20, 6.3e-20)])
def test_labels_of_points_are_apart_and_in_sight(given_points: list[tuple[float, float]]) -> None:
    plot = points("t", ("x", "y"), [(Row(f"{i}", x), y) for i, (x, y) in enumerate(given_points)])
    labels = [spot.label_y for spot in plot.spots]
    assert all(below - above >= 16.8 for above, below in pairwise(labels))
    assert all(plot.left <= spot.x <= plot.right and 0 <= spot.y <= plot.bottom for spot in plot.spots)
    assert max(labels) <= plot.bottom


def test_places_that_are_apart_stay() -> None:
    assert apart([10, 40, 80], 17, 100) == [10, 40, 80]
    assert apart([10, 12, 99], 17, 100) == [10, 27, 99]
    assert apart([98, 99], 17, 100) == [83, 100]
