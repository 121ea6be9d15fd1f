"""What friends bought: the evidence that may be shown, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from graph.artefact import load_arrays, save_arrays
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorer import Moved
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

    def save(self, folder: Path) -> None:
        save_arrays(folder, {}, {"size": self._size})

    @classmethod
    def load(cls, folder: Path) -> Self:
        scorer = cls()
        scorer._size = int(load_arrays(folder)[1]["size"])
        return scorer
