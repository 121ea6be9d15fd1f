"""What many people buy, and what many buy lately: the same for everybody."""

from __future__ import annotations

from typing import Self

import numpy as np

from graph.arrays import pairs
from graph.moments import LONG_AGO
from graph.snapshot import RETURNED, FloatArray
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorer import Moved, State
from recommend.scores import FixedScores
from recommend.viewer import Viewer


class _Fixed:
    """Scores that are the same for everybody, kept as ``table``."""

    table: FixedScores

    def scores(self, viewer: Viewer) -> FixedScores | None:
        return self.table

    def aligned(self, moved: Moved) -> Self:
        twin = type(self)()
        twin._keep(moved.products.move(self.table.score), self.table.size)
        return twin

    def state(self) -> State:
        return State({"score": self.table.score}, {"size": self.table.size})

    @classmethod
    def restored(cls, state: State) -> Self:
        scorer = cls()
        scorer._keep(np.asarray(state.arrays["score"]), int(state.constants["size"]))
        return scorer

    def _keep(self, score: FloatArray, size: int) -> None:
        self.table = FixedScores(score.astype(np.float32), size)


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
        both = pairs(purchases.customer[kept], purchases.product[kept])
        distinct, place = np.unique(both, return_inverse=True)
        newest = np.full(len(distinct), LONG_AGO)
        np.maximum.at(newest, place, purchases.at[kept])
        product = (distinct & 0xFFFFFFFF).astype(np.int32)
        age = np.maximum(data.snapshot.as_of - newest, 0) / options.half_life
        lately = np.bincount(product, np.exp2(-age), count)
        enough = np.bincount(product, minlength=count) >= options.min_support
        self._keep(np.log1p(np.where(enough, lately, 0)), data.size)
