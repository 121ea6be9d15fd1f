"""No worse model takes the place of a better one: two sets of options, compared on the same people."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from recommend.compare import Difference, differences
from recommend.interest import TrainingData
from recommend.metrics import Figures
from recommend.options import TrainingOptions
from recommend.progress import Progress, silent
from recommend.space import figures_of
from recommend.train import Lesson, learn


class Choice(NamedTuple):
    """What to train with, and what it teaches; ``gain`` in NDCG@20 of the options wanted over the published ones, None if
    there was nothing to compare; ``refused``: they lost, and these are the published ones."""

    options: TrainingOptions
    lesson: Lesson | None
    gain: Difference | None
    refused: bool


def choose(
    data: TrainingData, wanted: TrainingOptions, published: TrainingOptions | None, *, progress: Progress = silent
) -> Choice:
    """The options that are wanted, unless the published ones rank these people better beyond the interval."""
    lesson = learn(data, wanted, progress=progress)
    if lesson is None or published is None or figures_of(published) == figures_of(lesson.options):
        return Choice(wanted, lesson, None, refused=False)
    earlier = replace(wanted, search=False, **figures_of(published))  # type: ignore[arg-type]  # each of its own type
    before = learn(data, earlier, progress=lambda step, done: progress(f"{step} of the published options", done))
    assert before is not None, "the same people are asked"
    gain = gained(lesson.known.figures, before.known.figures, wanted.seed)
    refused = gain.upper < 0
    return Choice(earlier, before, gain, refused) if refused else Choice(wanted, lesson, gain, refused)


def gained(new: Figures, old: Figures, seed: int) -> Difference:
    """One less the other: float64 ``[people]`` both, the same people in the same order, at least two."""
    (gain,) = differences(new[:, None], old[:, None], seed)
    return gain
