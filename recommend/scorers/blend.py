"""One score from many scorers: a weighted sum of how far each of them puts a product above its own average for this
person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graph.snapshot import FloatArray, IntArray
from recommend.scorer import Scorer
from recommend.scores import Scores
from recommend.viewer import Viewer

Weights = Mapping[str, float]
"""Scorer name to weight, at least 0; a scorer that is not named has none."""

FALLBACK = "popular"
CONTEXT = "similar"


@dataclass(frozen=True)
class Voice:
    """One scorer's part in an answer."""

    name: str
    weight: float
    scores: Scores

    def of(self, products: IntArray) -> FloatArray:
        """float32: what it adds to the score of each product: weight times standard score over the catalogue."""
        mean, deviation = self.scores.spread
        added = self.scores.at(products) - np.float32(mean)
        added *= np.float32(self.weight / deviation)
        return added


@dataclass(frozen=True)
class Blend:
    """The weights: ``known`` for people with a history of their own, ``new`` for those without."""

    known: Weights
    new: Weights

    def voices(self, scorers: Mapping[str, Scorer], viewer: Viewer) -> list[Voice]:
        """Whoever has something to say to a person, and a weight; popularity if nobody has."""
        weights = self.known if len(viewer.history.product) else self.new
        if len(viewer.context):
            # weights are learned without a page: what is similar to it is asked for now and counts as much as anything
            weights = {**weights, CONTEXT: max(weights.values(), default=1.0)}
        # in one order, as a sum of floats depends on it
        found = [voice(scorers[name], weight, viewer) for name, weight in sorted(weights.items()) if weight > 0]
        voices = [one for one in found if one is not None]
        fallback = None if voices else voice(scorers[FALLBACK], 1.0, viewer)
        return voices if fallback is None else [fallback]


def voice(scorer: Scorer, weight: float, viewer: Viewer) -> Voice | None:
    """A scorer's part, None if it says the same of every product."""
    scores = scorer.scores(viewer)
    return None if scores is None or scores.spread[1] == 0 else Voice(scorer.name, weight, scores)
