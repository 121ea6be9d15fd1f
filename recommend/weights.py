"""How much each scorer counts: weights that rank held-out products best, and a test whether friends help at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.snapshot import BoolArray, FloatArray, IntArray
from recommend.metrics import Figures, ndcg
from recommend.scorer import Scorer
from recommend.scorers.blend import Voice, Weights, voice
from recommend.topk import among, union
from recommend.validation import K, Validation
from recommend.viewer import Viewer

POOL = 60
"""How many products of each scorer are ranked."""

GRID = (0.0, 0.03, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)
ROUNDS = 2


@dataclass(frozen=True)
class Ballots:
    """What each scorer gives to the candidates of each person asked.

    Attributes
    ----------
    names
        Of the scorers.
    parts
        float32 ``[people, places, scorers]``: standard scores.
    empty
        bool ``[people, places]``: places without a product.
    hits
        bool ``[people, places]``: products that were held out.
    wanted
        int64 ``[people]``: how many were held out.
    """

    names: tuple[str, ...]
    parts: FloatArray
    empty: BoolArray
    hits: BoolArray
    wanted: NDArray[np.int64]

    @classmethod
    def known(cls, scorers: Mapping[str, Scorer], validation: Validation) -> Ballots:
        """People with the rest of their history."""
        rows = [_row(scorers, one, validation.wanted(one.customer), one.owned) for one in validation.viewers]
        return cls._of(tuple(scorers), rows)

    @classmethod
    def new(cls, scorers: Mapping[str, Scorer], validation: Validation) -> Ballots:
        """The same people as if they had just arrived: friends and no history; wanted is everything they have."""
        rows, fans = [], validation.data.fans
        for customer in validation.customers.tolist():
            viewer = Viewer(validation.data.live, customer, personal=False)
            rest = fans.indices[fans.indptr[customer] : fans.indptr[customer + 1]]
            rows.append(_row(scorers, viewer, np.concatenate((validation.wanted(customer), rest)), rest[:0]))
        return cls._of(tuple(scorers), rows)

    @classmethod
    def _of(cls, names: tuple[str, ...], rows: list[tuple[FloatArray, BoolArray, int]]) -> Ballots:
        people, places = len(rows), max((len(hits) for _, hits, _ in rows), default=0)
        parts = np.zeros((people, places, len(names)), np.float32)
        empty, hits = np.ones((people, places), np.bool_), np.zeros((people, places), np.bool_)
        for place, (given, hit, _) in enumerate(rows):
            parts[place, : len(hit)], hits[place, : len(hit)], empty[place, : len(hit)] = given, hit, False
        return cls(names, parts, empty, hits, np.array([wanted for _, _, wanted in rows], np.int64))

    def half(self, odd: bool) -> Ballots:
        """Every other person."""
        rows = slice(int(odd), None, 2)
        tables = self.parts[rows], self.empty[rows], self.hits[rows], self.wanted[rows]
        return Ballots(self.names, *tables)

    def figures(self, weights: Weights) -> Figures:
        """float64 ``[people]``: NDCG of the blend with these weights."""
        factors = np.array([weights.get(name, 0.0) for name in self.names], np.float32)
        with np.errstate(invalid="ignore"):  # OpenBLAS may flag lanes of a vector that hold nothing of ours
            score = self.parts @ factors
        score[self.empty] = -np.inf
        person, place = np.nonzero(self.hits)
        rank = np.count_nonzero(score[person] >= score[person, place][:, None], axis=1) - 1  # ties count against
        lists = np.zeros((len(score), K), np.bool_)
        lists[person[rank < K], rank[rank < K]] = True
        return ndcg(lists, self.wanted, K)


def _row(
    scorers: Mapping[str, Scorer], viewer: Viewer, wanted: IntArray, seen: IntArray
) -> tuple[FloatArray, BoolArray, int]:
    voices: list[Voice | None] = [voice(scorer, 1.0, viewer) for scorer in scorers.values()]
    everything = np.ones(len(viewer.live.products), np.bool_)
    everything[seen] = False
    found = [one.scores.top(POOL, everything) for one in voices if one is not None]
    products = union(found)
    nothing = np.zeros(len(products), np.float32)
    parts = np.stack([nothing if one is None else one.of(products) for one in voices], 1)
    return parts, among(products, np.sort(wanted)), len(wanted)


def learn(ballots: Ballots, names: Collection[str]) -> dict[str, float]:
    """Weights by coordinate ascent on mean NDCG, from the best single scorer; a scorer that does not help gets none."""
    single = {name: float(ballots.figures({name: 1.0}).mean()) for name in names}
    first = max(single, key=lambda name: single[name])
    weights, best = {first: 1.0}, single[first]
    for _ in range(ROUNDS):
        before = dict(weights)
        for name in names:
            for weight in GRID:
                trial = {**weights, name: weight}
                if weight == weights.get(name, 0.0) or not any(trial.values()):
                    continue
                figure = float(ballots.figures(trial).mean())
                if figure > best + 1e-5:
                    weights, best = trial, figure
        if weights == before:
            break
    return {name: weights[name] for name in names if weights.get(name)}


def learn_guarded(ballots: Ballots, social: Collection[str]) -> dict[str, float]:
    """`learn`, without the ``social`` scorers unless they are shown to help.

    The weights of one half of the people are tried on the other half, with the social scorers and without: they stay if
    the mean gain is greater than its standard error. On some data friendship carries no taste, and the best validation
    weight alone is no safe test.
    """
    others = [name for name in ballots.names if name not in social]
    gains = np.concatenate(
        [
            there.figures(learn(here, ballots.names)) - there.figures(learn(here, others))
            for here, there in ((ballots.half(False), ballots.half(True)), (ballots.half(True), ballots.half(False)))
        ]
    )
    return learn(ballots, ballots.names if helps(gains) else others)


def helps(gains: Figures) -> bool:
    """Whether a gain, person by person, is greater than its standard error."""
    return len(gains) > 1 and bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))
