"""What friends bought: the evidence that may be shown, and nothing else."""

from __future__ import annotations

from typing import Self

import numpy as np

from graph.snapshot import FloatArray
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorer import Moved, State, sample
from recommend.scores import SparseScores, spread_of
from recommend.viewer import Viewer


class Friends:
    """The logarithm of what a label may say; 0 wherever the label is hidden, so that the order tells no more than the
    label."""

    name = "friends"

    _size: int
    _deviation: float

    def fit(self, data: TrainingData, options: TrainingOptions) -> None:
        self._size = data.size
        seen = [spread_of(_strength(viewer), data.size)[1] for viewer in sample(data)]
        squares = [deviation**2 for deviation in seen if deviation > 0]
        self._deviation = float(np.sqrt(np.mean(squares))) if squares else 1.0

    def scores(self, viewer: Viewer) -> SparseScores | None:
        """On one scale for everybody: by each person's own deviation, the only product that friends show would outweigh
        everything."""
        score = _strength(viewer)
        if not len(score):
            return None
        return SparseScores(viewer.evidence.product, score, (spread_of(score, self._size)[0], self._deviation))

    def aligned(self, moved: Moved) -> Self:
        return self

    def state(self) -> State:
        return State({}, {"size": self._size, "deviation": self._deviation})

    @classmethod
    def restored(cls, state: State) -> Self:
        scorer = cls()
        scorer._size, scorer._deviation = int(state.constants["size"]), float(state.constants["deviation"])
        return scorer


def _strength(viewer: Viewer) -> FloatArray:
    strength: FloatArray = np.log1p(viewer.evidence.strength, dtype=np.float32)
    return strength
