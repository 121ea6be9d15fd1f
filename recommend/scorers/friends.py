"""What friends bought: the evidence that may be shown, and nothing else."""

from __future__ import annotations

from typing import Self

import numpy as np

from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorer import Moved, State
from recommend.scores import SparseScores, spread_of
from recommend.viewer import Viewer


class Friends:
    """The logarithm of what a label may say; 0 wherever the label is hidden, so that the order tells no more than the label."""

    name = "friends"

    _size: int

    def fit(self, data: TrainingData, options: TrainingOptions) -> None:
        self._size = data.size

    def scores(self, viewer: Viewer) -> SparseScores | None:
        evidence = viewer.evidence
        if not len(evidence.product):
            return None
        score = np.log1p(evidence.strength, dtype=np.float32)
        return SparseScores(evidence.product, score, spread_of(score, self._size))

    def aligned(self, moved: Moved) -> Self:
        return self

    def state(self) -> State:
        return State({}, {"size": self._size})

    @classmethod
    def restored(cls, state: State) -> Self:
        scorer = cls()
        scorer._size = int(state.constants["size"])
        return scorer
