"""What must not be in an answer. Every drop carries its reason: the name of the first rule that refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from graph.ids import UNKNOWN
from graph.snapshot import BoolArray, FloatArray, IntArray
from recommend.candidates import in_category
from recommend.query import Query
from recommend.topk import among
from recommend.viewer import Viewer


@dataclass(frozen=True)
class Ranked:
    """Products with their scores.

    Attributes
    ----------
    product
        int32 ``[n]``.
    parts
        float32 ``[scorers, n]``: what each scorer adds.
    score
        float32 ``[n]``: their sum.
    dropped
        How many products each rule refused so far.
    """

    product: IntArray
    parts: FloatArray
    score: FloatArray
    dropped: Mapping[str, int]

    @classmethod
    def nothing(cls, scorers: int) -> Self:
        """No product at all."""
        none = np.zeros(0, np.float32)
        return cls(none.astype(np.int32), np.zeros((scorers, 0), np.float32), none, {})

    def take(self, rows: NDArray[Any]) -> Ranked:
        """Some of them, in the order given."""
        return Ranked(self.product[rows], self.parts[:, rows], self.score[rows], self.dropped)


Rule = Callable[[Viewer, Query, Ranked], Ranked]


def owned(viewer: Viewer, query: Query, ranked: Ranked) -> Ranked:
    """What the person bought and kept."""
    return _without(ranked, "owned", among(ranked.product, viewer.owned))


def disliked(viewer: Viewer, query: Query, ranked: Ranked) -> Ranked:
    """What the person said they do not like."""
    return _without(ranked, "disliked", among(ranked.product, viewer.disliked))


def excluded(viewer: Viewer, query: Query, ranked: Ranked) -> Ranked:
    """What the caller does not want."""
    if not query.exclude:
        return ranked
    unwanted = viewer.live.products.positions(sorted(query.exclude))
    return _without(ranked, "excluded", among(ranked.product, np.sort(unwanted[unwanted != UNKNOWN])))


def context(viewer: Viewer, query: Query, ranked: Ranked) -> Ranked:
    """What is on the page already."""
    return _without(ranked, "context", among(ranked.product, viewer.context))


def undescribed(viewer: Viewer, query: Query, ranked: Ranked) -> Ranked:
    """What only events have named."""
    return _without(ranked, "undescribed", ~viewer.live.described.take(ranked.product))


def unavailable(viewer: Viewer, query: Query, ranked: Ranked) -> Ranked:
    """What cannot be bought now."""
    return _without(ranked, "unavailable", ~viewer.live.available.take(ranked.product))


def category(viewer: Viewer, query: Query, ranked: Ranked) -> Ranked:
    """What is of another category than the one asked for."""
    if query.category is None:
        return ranked
    return _without(ranked, "category", ~in_category(query.category, viewer.live)[ranked.product])


RULES: tuple[Rule, ...] = (undescribed, unavailable, category, owned, disliked, excluded, context)


def obey(rules: tuple[Rule, ...], viewer: Viewer, query: Query, ranked: Ranked) -> Ranked:
    """All rules, one after the other."""
    for rule in rules:
        ranked = rule(viewer, query, ranked)
    return ranked


def _without(ranked: Ranked, reason: str, refused: BoolArray) -> Ranked:
    count = int(np.count_nonzero(refused))
    if not count:
        return ranked
    return replace(ranked.take(~refused), dropped={**ranked.dropped, reason: count})
