"""What many people buy, and what many buy lately: the same for everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from graph.artefact import load_arrays, save_arrays
from graph.moments import LONG_AGO
from graph.snapshot import RETURNED, FloatArray
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorer import Moved
from recommend.scores import FixedScores
from recommend.viewer import Viewer


class _Fixed:
    """Scores that are the same for everybody."""

    table: FixedScores

    _size: int

    def scores(self, viewer: Viewer) -> FixedScores | None:
        return self.table if self.table.spread[1] > 0 else None

    def aligned(self, moved: Moved) -> Self:
        return self._of(moved.products.move(self.table.score), self._size)

    def save(self, folder: Path) -> None:
        save_arrays(folder, {"score": self.table.score}, {"size": self._size})

    @classmethod
    def load(cls, folder: Path) -> Self:
        arrays, meta = load_arrays(folder)
        return cls._of(np.asarray(arrays["score"]), int(meta["size"]))

    @classmethod
    def _of(cls, score: FloatArray, size: int) -> Self:
        scorer = cls()
        scorer._keep(score, size)
        return scorer

    def _keep(self, score: FloatArray, size: int) -> None:
        self.table, self._size = FixedScores(score.astype(np.float32), size), size


class Popular(_Fixed):
    """The logarithm of how many people bought or liked a product."""

    name = "popular"

    def fit(self, data: TrainingData, options: TrainingOptions) -> None:
        self._keep(np.log1p(data.buyers), data.size)


class Trending(_Fixed):
    """The logarithm of how many people bought a product lately, each counting by half after every ``half_life``."""

    name = "trending"

    def fit(self, data: TrainingData, options: TrainingOptions) -> None:
        purchases, count = data.snapshot.purchases, len(data.snapshot.products)
        kept = data.modelled[purchases.customer] & ((purchases.flags & RETURNED) == 0) & (purchases.at > LONG_AGO)
        pair = purchases.customer[kept].astype(np.int64) << 32 | purchases.product[kept]
        newest = np.full(len(pair), LONG_AGO)
        distinct, place = np.unique(pair, return_inverse=True)
        newest = np.full(len(distinct), LONG_AGO)
        np.maximum.at(newest, place, purchases.at[kept])
        product = (distinct & 0xFFFFFFFF).astype(np.int32)
        age = np.maximum(data.snapshot.as_of - newest, 0) / options.half_life
        lately = np.bincount(product, np.exp2(-age), count)
        enough = np.bincount(product, minlength=count) >= options.min_support
        self._keep(np.log1p(np.where(enough, lately, 0)), data.size)
