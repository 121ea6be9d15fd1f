"""No worse model takes the place of a better one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph.moments import DAY
from recommend.compare import differences
from recommend.gate import choose, gained
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from tests.worlds import live_of, moved_tastes, two_circles

FORGETFUL = TrainingOptions(recency=90 * DAY)
"""Better than the defaults where tastes have moved."""


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return TrainingData.of(live_of(moved_tastes()))


class TestChoice:
    def test_what_is_worse_is_refused_and_the_published_options_stay(self, data: TrainingData) -> None:
        choice = choose(data, TrainingOptions(seed=3), FORGETFUL)
        assert choice.refused
        assert choice.options == replace(FORGETFUL, seed=3)
        assert choice.gain is not None
        assert choice.gain.upper < 0
        assert choice.lesson is not None
        assert choice.lesson.options.recency == FORGETFUL.recency

    def test_what_is_better_is_taken(self, data: TrainingData) -> None:
        choice = choose(data, FORGETFUL, TrainingOptions())
        assert (choice.options, choice.refused) == (FORGETFUL, False)
        assert choice.gain is not None
        assert choice.gain.lower > 0

    def test_both_are_judged_by_the_same_people(self, data: TrainingData) -> None:
        there, back = choose(data, FORGETFUL, TrainingOptions()), choose(data, TrainingOptions(), FORGETFUL)
        assert there.gain is not None
        assert back.gain is not None
        assert there.gain.mean == -back.gain.mean

    def test_a_gain_is_that_of_an_evaluation(self) -> None:
        rng = np.random.default_rng(0)
        new, old = rng.random((2, 60))
        assert gained(new, old, seed=5) == differences(new[:, None], old[:, None], seed=5)[0]

    @pytest.mark.parametrize(
        "published",
        [None, TrainingOptions(), TrainingOptions(seed=9, item_width=50)],
        ids=["nothing", "the same", "others"],
    )
    def test_where_nothing_else_is_published_nothing_is_compared(
        self, data: TrainingData, published: TrainingOptions | None
    ) -> None:
        steps: list[str] = []
        choice = choose(data, TrainingOptions(), published, progress=lambda step, _: steps.append(step))
        assert (choice.options, choice.gain, choice.refused) == (TrainingOptions(), None, False)
        assert set(steps) == {"learning weights"}

    def test_from_too_little_nothing_is_learned_and_what_is_wanted_is_taken(self) -> None:
        few = TrainingData.of(live_of(two_circles()[:200]))
        choice = choose(few, FORGETFUL, TrainingOptions())
        assert (choice.options, choice.lesson, choice.refused) == (FORGETFUL, None, False)
