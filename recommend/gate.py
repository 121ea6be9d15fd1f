"""No worse model takes the place of a better one: two sets of options, compared on the same people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from recommend.interest import TrainingData
from recommend.metrics import Figures
from recommend.options import TrainingOptions
from recommend.space import figures_of
from recommend.train import Lesson, Progress, learn, silent

NORMAL = 1.96
"""Standard errors on either side that hold 95 of 100 means."""


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much one ranks the same people better than another: the mean difference of NDCG@20, and its standard error."""

    mean: float
    error: float
    people: int

    @classmethod
    def of(cls, new: Figures, old: Figures) -> Gain:
        """Of figures of the same people in the same order."""
        gains = new - old
        error = gains.std(ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        return cls(float(gains.mean()) if len(gains) else 0.0, float(error), len(gains))

    @property
    def lower(self) -> float:
        """Of the 95 % interval."""
        return self.mean - NORMAL * self.error

    @property
    def upper(self) -> float:
        """Of the 95 % interval."""
        return self.mean + NORMAL * self.error

    @property
    def worse(self) -> bool:
        """Whether it is a loss beyond the interval."""
        return self.upper < 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"ndcg@20": self.mean, "lower": self.lower, "upper": self.upper, "people": self.people}

    def __str__(self) -> str:
        return f"{self.mean:+.4f} (95 %: {self.lower:+.4f} to {self.upper:+.4f}, {self.people:,} people)"


class Choice(NamedTuple):
    """What to train with, and what it teaches; ``gain`` of the options wanted over the published ones, None if there was
    nothing to compare; ``refused``: they lost, and these are the published ones."""

    options: TrainingOptions
    lesson: Lesson | None
    gain: Gain | None
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
    gain = Gain.of(lesson.known.figures, before.known.figures)
    return Choice(earlier, before, gain, refused=True) if gain.worse else Choice(wanted, lesson, gain, refused=False)
