"""No worse model takes the place of a better one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph.moments import DAY
from recommend.gate import Gain, choose
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from tests.worlds import live_of, moved_tastes, two_circles

FORGETFUL = TrainingOptions(recency=90 * DAY)
"""Better than the defaults where tastes have moved."""


class TestGain:
    def test_it_is_the_mean_difference_with_its_95_percent_interval(self) -> None:
        new, old = np.array([0.5, 0.7, 0.9, 0.5]), np.array([0.4, 0.5, 0.6, 0.5])
        gain = Gain.of(new, old)
        error = np.std([0.1, 0.2, 0.3, 0.0], ddof=1) / 2
        assert (gain.mean, gain.people) == (pytest.approx(0.15), 4)
        assert (gain.lower, gain.upper) == (pytest.approx(0.15 - 1.96 * error), pytest.approx(0.15 + 1.96 * error))
        assert str(gain) == f"+0.1500 (95 %: {gain.lower:+.4f} to {gain.upper:+.4f}, 4 people)"

    @pytest.mark.parametrize("people", [0, 1])
    def test_of_nobody_and_of_one_nothing_is_concluded_that_is_not_there(self, people: int) -> None:
        assert Gain.of(np.zeros(people), np.zeros(people)).as_dict() == {
            "ndcg@20": 0.0,
            "lower": 0.0,
            "upper": 0.0,
            "people": people,
        }

    def test_only_a_loss_beyond_the_interval_is_worse(self) -> None:
        assert Gain(-0.02, 0.01, 100).worse
        assert not Gain(-0.0195, 0.01, 100).worse
        assert not Gain(0.0, 0.0, 100).worse


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
