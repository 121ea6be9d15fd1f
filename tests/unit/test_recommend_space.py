"""Options as points of a space: there and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graph.moments import DAY
from recommend.options import TrainingOptions
from recommend.space import FIGURES, RECENCIES, RECENCY, SPANS, TIMED, figures_of, options_of, params_of

DEFAULTS = TrainingOptions()
OTHERS = replace(
    DEFAULTS,
    factors=33,
    alpha=20.0,
    regularization=44.0,
    damping=0.4,
    iterations=9,
    item_penalty=250.0,
    circle_factors=20,
    circle_penalty=7.5,
    half_life=30 * DAY,
    recency=90 * DAY,
)


@pytest.mark.parametrize("options", [DEFAULTS, OTHERS], ids=["defaults", "others"])
def test_there_and_back_is_the_same(options: TrainingOptions) -> None:
    assert options_of(params_of(options, timed=True), DEFAULTS) == options


def test_where_no_times_are_known_they_are_left_as_they_are() -> None:
    params = params_of(OTHERS, timed=False)
    assert set(params) == set(SPANS)
    assert options_of(params, DEFAULTS) == replace(OTHERS, half_life=DEFAULTS.half_life, recency=DEFAULTS.recency)


def test_every_figure_is_decided_and_nothing_else() -> None:
    changed = options_of(params_of(OTHERS, timed=True), replace(DEFAULTS, seed=7))
    differs = {name for name, value in changed.as_json().items() if value != DEFAULTS.as_json()[name]}
    assert differs == {*FIGURES, "seed"}
    assert set(figures_of(OTHERS)) == set(FIGURES)


@pytest.mark.parametrize(
    ("outside", "name", "nearest"),
    [
        ({"factors": 4}, "factors", 16),
        ({"factors": 4000}, "factors", 192),
        ({"half_life": DAY // 2}, "half-life in days", 2.0),
        ({"alpha": 1.0, "regularization": 50.0}, "regularization per alpha", 6.0),
        ({"recency": 17 * DAY}, RECENCY, None),
    ],
)
def test_what_lies_outside_is_taken_to_the_edge(outside: dict[str, Any], name: str, nearest: float | None) -> None:
    assert params_of(replace(DEFAULTS, **outside), timed=True)[name] == nearest


def test_numbers_that_were_searched_for_have_three_digits_and_whole_ones_stay_whole() -> None:
    found = options_of({"alpha": 12.34567, "regularization per alpha": 2.34567, "factors": 48}, DEFAULTS)
    assert (found.alpha, found.regularization, found.factors) == (12.3, 29.0, 48)
    assert isinstance(found.factors, int)


def test_the_defaults_lie_inside() -> None:
    for name, (low, high) in {**SPANS, **TIMED}.items():
        value = params_of(DEFAULTS, timed=True)[name]
        assert value is not None
        assert low < value < high, name
    assert params_of(DEFAULTS, timed=True)[RECENCY] in RECENCIES
