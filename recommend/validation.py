"""A part of the facts held out, to learn from it what cannot be learned from the rest: strengths and weights."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.snapshot import BoolArray, IntArray, Opinions, Purchases, Snapshot, rows_of, starts_of
from recommend.interest import TrainingData
from recommend.metrics import Figures, ndcg
from recommend.options import TrainingOptions
from recommend.scorer import Scorer
from recommend.topk import among
from recommend.viewer import Viewer

K = 20
"""Everything is chosen by NDCG at this rank."""


@dataclass(frozen=True)
class Validation:
    """What scorers may learn from, and what they are asked.

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
    def of(cls, data: TrainingData, options: TrainingOptions) -> Validation | None:
        """Hold out a share of everybody's history; None if too few people have one.

        By person, not by purchase: otherwise a few heavy buyers decide how much friends count.
        """
        rng, fans = np.random.default_rng(options.seed), data.fans
        held = _chosen(fans, options.validation_share, rng)
        rest = sp.csr_matrix((fans.data * held, fans.indices, fans.indptr), fans.shape, copy=True)
        rest.eliminate_zeros()
        asked = np.flatnonzero(np.diff(rest.indptr))
        if len(asked) < options.validation_least:
            return None
        asked = np.sort(rng.permutation(asked)[: options.validation_customers])
        seen = TrainingData(data.live.over(_without(data.snapshot, rest)), data.modelled)
        return cls(seen, rest, asked.astype(np.int32))

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


def _chosen(fans: sp.csr_matrix, share: float, rng: np.random.Generator) -> BoolArray:
    """A random share of each row, at least one of every row that has two: bool ``[entries]``."""
    row, size = rows_of(fans.indptr), np.diff(fans.indptr)
    order = np.lexsort((rng.random(fans.nnz), row))
    rank = np.empty(fans.nnz, np.int64)
    rank[order] = np.arange(fans.nnz) - fans.indptr[:-1][row]
    count = np.where(size >= 2, np.maximum(np.rint(share * size), 1), 0)
    chosen: BoolArray = rank < count[row]
    return chosen


def _without(snapshot: Snapshot, held: sp.csr_matrix) -> Snapshot:
    pairs = rows_of(held.indptr).astype(np.int64) << 32 | held.indices
    return replace(snapshot, purchases=_rest(snapshot.purchases, pairs), opinions=_rest(snapshot.opinions, pairs))


Table = TypeVar("Table", Purchases, Opinions)


def _rest(table: Table, pairs: NDArray[np.int64]) -> Table:
    """The rows of a table that are about none of these pairs of person and product."""
    row = rows_of(table.starts)
    stays = ~np.isin(row.astype(np.int64) << 32 | table.product, pairs)
    columns = {field.name: getattr(table, field.name)[stays] for field in fields(table) if field.name != "starts"}
    return replace(table, starts=starts_of(row[stays], len(table.starts) - 1), **columns)
