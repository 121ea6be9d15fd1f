"""A part of the facts held out, to learn from it what cannot be learned from the rest: figures and weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.arrays import pairs, places_in_runs
from graph.snapshot import BoolArray, IntArray, Snapshot, rows_of
from recommend.interest import TrainingData
from recommend.metrics import Figures, ndcg
from recommend.options import TrainingOptions
from recommend.scorer import Scorer
from recommend.split import some_rows
from recommend.topk import among
from recommend.viewer import Viewer

K = 20
"""Everything is chosen by NDCG at this rank."""

MOST_FOLDS = 3
ENOUGH = 5_000
"""So many people answer for themselves; fewer are asked again, about another share of their history."""


@dataclass(frozen=True)
class Validation:
    """What scorers may learn from, and what they are asked about.

    Attributes
    ----------
    data
        The facts without what is held out.
    held
        float32 ``[customers, products]``: what is held out.
    customers
        int32: who is asked about.
    """

    data: TrainingData
    held: sp.csr_matrix
    customers: IntArray

    @classmethod
    def folds(cls, data: TrainingData, options: TrainingOptions) -> list[Validation]:
        """Hold out a share of everybody's history, the newest where times are known, else one share after the other
        while people are few; none if too few people have a history.

        By person, not by purchase: otherwise a few heavy buyers decide how much friends count.
        """
        rng, fans = np.random.default_rng(options.seed), data.fans
        newest = data.newest[data.interest.data > 0] if data.timed else np.zeros(fans.nnz, np.int64)
        parts = _parts(fans, newest, options.validation_share, rng)
        asked = int(np.count_nonzero(np.diff(_only(fans, parts == 0).indptr)))
        count = 1 if data.timed else min(MOST_FOLDS, ENOUGH // max(asked, 1) + 1)
        found = [cls._asking(data, _only(fans, parts == fold), options, rng) for fold in range(count)]
        return [one for one in found if one is not None]

    @classmethod
    def newcomers(cls, data: TrainingData, options: TrainingOptions) -> Validation | None:
        """Take everything from a share of the people, so that only their friends are known; None if too few are left."""
        rng, fans = np.random.default_rng(options.seed), data.fans
        people = np.flatnonzero(np.diff(fans.indptr))
        new = np.zeros(fans.shape[0], np.bool_)
        new[rng.permutation(people)[: round(options.validation_share * len(people))]] = True
        return cls._asking(data, _only(fans, new[rows_of(fans.indptr)]), options, rng)

    @classmethod
    def _asking(
        cls, data: TrainingData, held: sp.csr_matrix, options: TrainingOptions, rng: np.random.Generator
    ) -> Validation | None:
        asked = np.flatnonzero(np.diff(held.indptr))
        if len(asked) < options.validation_least:
            return None
        asked = np.sort(rng.permutation(asked)[: options.validation_customers])
        seen = TrainingData(data.live.over(_without(data.snapshot, held)), data.modelled)
        return cls(seen, held, asked.astype(np.int32))

    @cached_property
    def viewers(self) -> list[Viewer]:
        """Those people."""
        return [Viewer(self.data.live, customer) for customer in self.customers.tolist()]

    def wanted(self, customer: int) -> IntArray:
        """int32, ascending: what was held out of a person."""
        products: IntArray = self.held.indices[self.held.indptr[customer] : self.held.indptr[customer + 1]]
        return products

    def figures(self, scorer: Scorer) -> Figures:
        """float64 ``[customers]``: NDCG of one scorer alone."""
        hits = np.zeros((len(self.customers), K), np.bool_)
        possible = np.ones(len(self.data.snapshot.products), np.bool_)
        for row, viewer in enumerate(self.viewers):
            scores = scorer.scores(viewer)
            if scores is not None:
                possible[viewer.owned] = False
                best = scores.top(K, possible)
                hits[row, : len(best)] = among(best, self.wanted(viewer.customer))
                possible[viewer.owned] = True
        return ndcg(hits, np.diff(self.held.indptr)[self.customers], K)


def _only(fans: sp.csr_matrix, some: BoolArray) -> sp.csr_matrix:
    """Some entries of a matrix."""
    part = sp.csr_matrix((fans.data * some, fans.indices, fans.indptr), fans.shape, copy=True)
    part.eliminate_zeros()
    return part


def _parts(fans: sp.csr_matrix, newest: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """In which share of its row an entry is, the newest first and chance among equals: int64 ``[entries]``, -1 in a row
    of fewer than two. At least one entry makes a share, and none takes the whole row."""
    row, size = rows_of(fans.indptr), np.diff(fans.indptr)
    count = np.maximum(np.rint(share * size), 1)
    place = places_in_runs(row, -newest, rng.random(fans.nnz))
    return np.where(size[row] >= 2, place // count[row], -1).astype(np.int64)


def _without(snapshot: Snapshot, held: sp.csr_matrix) -> Snapshot:
    gone = pairs(rows_of(held.indptr), held.indices)
    bought, said = snapshot.purchases, snapshot.opinions
    return replace(
        snapshot,
        purchases=some_rows(bought, ~np.isin(pairs(bought.customer, bought.product), gone)),
        opinions=some_rows(said, ~np.isin(pairs(rows_of(said.starts), said.product), gone)),
    )
