"""How much each scorer counts: weights that rank held-out products best, and a test whether friends help at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from graph.snapshot import BoolArray, FloatArray, IntArray
from recommend.metrics import Figures, ndcg, standard_error
from recommend.scorer import Scorer
from recommend.scorers.blend import FALLBACK, Voice, Weights, voice
from recommend.topk import among, union
from recommend.validation import K, Validation
from recommend.viewer import Viewer

POOL = 60
"""How many products of each scorer are ranked."""

SHRINKAGE = 1e-3
"""Of the weights, beside a loss of a few units."""

MOST_STEPS = 60
NEGLIGIBLE = 0.02
"""A scorer with less of the greatest weight is left out: it costs time in every answer."""

TRUSTED = 1.2
"""Standard errors by which friends have to help."""


@dataclass(frozen=True)
class Ballots:
    """What each scorer gives to the candidates of each person asked.

    Attributes
    ----------
    names
        Of the scorers.
    parts
        float32 ``[people, places, scorers]``: standard scores.
    proposed
        uint16 ``[people, places]``: who proposed the product, a bit for each scorer; 0 in places without one.
    hits
        bool ``[people, places]``: products that were held out.
    wanted
        int64 ``[people]``: how many were held out.
    person
        int64 ``[people]``: whose ballot it is; somebody may be asked more than once.
    """

    names: tuple[str, ...]
    parts: FloatArray
    proposed: NDArray[np.uint16]
    hits: BoolArray
    wanted: NDArray[np.int64]
    person: NDArray[np.int64]

    @classmethod
    def of(cls, scorers: Mapping[str, Scorer], validation: Validation) -> Ballots:
        """What scorers say to the people of a validation."""
        rows = [_row(scorers, one, validation.wanted(one.customer)) for one in validation.viewers]
        people, places = len(rows), max((len(row.hits) for row in rows), default=0)
        parts = np.zeros((people, places, len(scorers)), np.float32)
        proposed, hits = np.zeros((people, places), np.uint16), np.zeros((people, places), np.bool_)
        for place, row in enumerate(rows):
            parts[place, : len(row.hits)], proposed[place, : len(row.hits)] = row.parts, row.proposed
            hits[place, : len(row.hits)] = row.hits
        wanted = np.array([row.wanted for row in rows], np.int64)
        return cls(tuple(scorers), parts, proposed, hits, wanted, validation.customers.astype(np.int64))

    @classmethod
    def joined(cls, some: Sequence[Ballots]) -> Ballots:
        """All of some, with the same names."""
        places = max(one.hits.shape[1] for one in some)

        def wide(table: NDArray[Any], fill: bool | float) -> NDArray[Any]:
            added = [(0, 0), (0, places - table.shape[1]), *[(0, 0)] * (table.ndim - 2)]
            return np.pad(table, added, constant_values=fill)

        return cls(
            some[0].names,
            np.concatenate([wide(one.parts, 0) for one in some]),
            np.concatenate([wide(one.proposed, 0) for one in some]),
            np.concatenate([wide(one.hits, False) for one in some]),
            np.concatenate([one.wanted for one in some]),
            np.concatenate([one.person for one in some]),
        )

    def take(self, rows: BoolArray) -> Ballots:
        """Some of them."""
        tables = self.parts[rows], self.proposed[rows], self.hits[rows], self.wanted[rows], self.person[rows]
        return Ballots(self.names, *tables)

    def among(self, names: Collection[str]) -> Ballots:
        """What there would be without the other scorers: they propose nothing."""
        kept = sum(1 << place for place, name in enumerate(self.names) if name in names)
        proposed = self.proposed & np.uint16(kept)
        return replace(self, proposed=proposed, hits=self.hits & (proposed > 0))

    def speaks(self, name: str) -> bool:
        """Whether a scorer tells any two candidates apart."""
        return bool(self.parts[..., self.names.index(name)].any())

    def by_person(self, figures: Figures) -> Figures:
        """The mean of each person's figures."""
        _, place = np.unique(self.person, return_inverse=True)
        return np.bincount(place, figures) / np.bincount(place)

    def figures(self, weights: Weights) -> Figures:
        """float64 ``[people]``: NDCG of the blend with these weights."""
        factors = np.array([weights.get(name, 0.0) for name in self.names], np.float32)
        with np.errstate(invalid="ignore"):  # OpenBLAS may flag lanes of a vector that hold nothing of ours
            score = self.parts @ factors
        score[self.proposed == 0] = -np.inf
        person, place = np.nonzero(self.hits)
        rank = np.count_nonzero(score[person] >= score[person, place][:, None], axis=1) - 1  # ties count against
        lists = np.zeros((len(score), K), np.bool_)
        lists[person[rank < K], rank[rank < K]] = True
        return ndcg(lists, self.wanted, K)


class _Row(NamedTuple):
    """One person's, as in `Ballots`."""

    parts: FloatArray
    proposed: NDArray[np.uint16]
    hits: BoolArray
    wanted: int


def _row(scorers: Mapping[str, Scorer], viewer: Viewer, wanted: IntArray) -> _Row:
    voices: list[Voice | None] = [voice(scorer, 1.0, viewer) for scorer in scorers.values()]
    possible = np.ones(len(viewer.live.products), np.bool_)
    possible[viewer.owned] = False
    found = {place: one.scores.top(POOL, possible) for place, one in enumerate(voices) if one is not None}
    products = union(list(found.values()))
    proposed = np.zeros(len(products), np.uint16)
    for place, some in found.items():
        proposed[products.searchsorted(some)] |= np.uint16(1 << place)
    nothing = np.zeros(len(products), np.float32)
    parts = np.stack([nothing if one is None else one.of(products) for one in voices], 1)
    return _Row(parts, proposed, among(products, np.sort(wanted)), len(wanted))


def learn(ballots: Ballots, names: Collection[str]) -> dict[str, float]:
    """Weights, none below 0, that make what was held out most likely; scorers that add next to nothing get none.

    The loss is that of a softmax over a person's candidates (ListNet: Cao et al., "Learning to rank", ICML 2007): convex,
    so that there is one best answer, and smooth, so that a few lucky ranks do not decide. A single scorer that clearly
    ranks better than the blend goes alone.
    """
    names = [name for name in ballots.names if name in names and ballots.speaks(name)]
    if not names:
        return {FALLBACK: 1.0}
    ballots = ballots.among(names)
    weights = likeliest(ballots, names)
    few = [name for name in names if weights[name] >= NEGLIGIBLE * max(weights.values())]
    if len(few) < len(names):
        weights = likeliest(ballots, few)
    blend = _rounded(weights)
    alone = {name: ballots.figures({name: 1.0}) for name in names}
    best = max(alone, key=lambda name: float(alone[name].mean()))
    return {best: 1.0} if standard_errors(alone[best] - ballots.figures(blend)) > 1 else blend


def likeliest(ballots: Ballots, names: Sequence[str]) -> dict[str, float]:
    """The weights of least loss, unrounded; see `learn`."""
    rows = np.flatnonzero(ballots.hits.any(1))
    if not len(rows):
        return dict.fromkeys(names, 1.0)
    columns = [ballots.names.index(name) for name in names]
    parts, empty = ballots.parts[rows][..., columns], ballots.proposed[rows] == 0
    share = ballots.hits[rows] / ballots.hits[rows].sum(1, keepdims=True, dtype=np.float32)
    wanted = np.einsum("pcs,pc->ps", parts, share).astype(np.float64)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        score = parts @ weights.astype(np.float32)
        score[empty] = -np.inf
        score -= score.max(1, keepdims=True)
        odds = np.exp(score)
        total = odds.sum(1, keepdims=True)
        top = np.log(total[:, 0], dtype=np.float64) - np.einsum("pc,pc->p", np.where(empty, 0, score), share)
        slope = (np.einsum("pcs,pc->ps", parts, odds / total) - wanted).mean(0, dtype=np.float64)
        return float(top.mean()) + SHRINKAGE * float(weights @ weights), slope + 2 * SHRINKAGE * weights

    start, bounds = np.full(len(names), 1 / len(names)), [(0.0, None)] * len(names)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MOST_STEPS})
    return dict(zip(names, found.x.tolist(), strict=True))


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    """In units of the greatest, two digits."""
    greatest = max(weights.values()) or 1.0
    return {name: round(weight / greatest, 2) for name, weight in weights.items() if round(weight / greatest, 2) > 0}


class Learned(NamedTuple):
    """Weights, and what they reach: float64 ``[people]``, NDCG of each half of the people under weights learned from the
    other half. ``trust`` is by how many standard errors social scorers help, None if there are none."""

    weights: dict[str, float]
    figures: Figures
    trust: float | None


def learn_guarded(ballots: Ballots, social: Collection[str]) -> Learned:
    """`learn`, without the ``social`` scorers unless they pass the trust gate.

    The weights of one half of the people are tried on the other half, with the social scorers and without: they stay if
    the mean gain is more than `TRUSTED` standard errors. On some data friendship carries no taste, and the best
    validation weight alone is no safe test.
    """
    others = [name for name in ballots.names if name not in social]
    alone = cross_fitted(ballots, others)
    if len(others) == len(ballots.names):
        return Learned(learn(ballots, others), alone, None)
    together = cross_fitted(ballots, ballots.names)
    trust = standard_errors(together - alone)
    if trust > TRUSTED:
        return Learned(learn(ballots, ballots.names), together, trust)
    return Learned(learn(ballots, others), alone, trust)


def cross_fitted(ballots: Ballots, names: Collection[str]) -> Figures:
    """float64 ``[people]``: what weights reach on people from whom they were not learned."""
    ballots, figures = ballots.among(names), np.zeros(len(ballots.wanted))
    for odd in (0, 1):
        there = ballots.person % 2 == odd
        figures[there] = ballots.take(there).figures(learn(ballots.take(~there), names))
    return ballots.by_person(figures)


def standard_errors(gains: Figures) -> float:
    """How many of its standard errors a mean gain is; 0 where nothing differs."""
    error = standard_error(gains)
    return float(gains.mean() / error) if error > 0 else 0.0
