"""What people are interested in: purchases and opinions as one number per person and product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.arrays import run_starts
from graph.live import LiveGraph
from graph.snapshot import RETURNED, BoolArray, FloatArray, IntArray, Opinions, Purchases, Snapshot, rows_of, starts_of

DISLIKED = -1.0


def interest_of(purchases: Purchases, opinions: Opinions) -> tuple[IntArray, IntArray, FloatArray]:
    """Interest of the people in two tables that have the same rows.

    One purchase of strength 1 gives 1; more strength adds ever less (``log2(1 + strength)``); a like counts as one
    purchase; a dislike makes it `DISLIKED`, whatever was bought.

    Returns
    -------
    customer, product, interest
        int32, int32, float32 ``[n]``, sorted by customer, then product; where there is no interest there is no entry.
    """
    kept, opinion = (purchases.flags & RETURNED) == 0, opinions.opinion
    pairs, strength = _pair(purchases.customer, purchases.product)[kept], np.maximum(purchases.strength[kept], 0)
    if len(opinion):
        pairs = np.concatenate((pairs, _pair(rows_of(opinions.starts), opinions.product)))
        strength = np.concatenate((strength, np.where(opinion < 0, np.nan, opinion)))  # not a number: a dislike
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    first = run_starts(pairs)
    total = np.add.reduceat(strength[order], first, dtype=np.float64) if len(first) else np.zeros(0)
    interest = np.nan_to_num(np.log2(1 + total), nan=DISLIKED).astype(np.float32)
    some = interest != 0
    pairs, interest = pairs[first[some]], interest[some]
    return (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32), interest


def _pair(customer: IntArray, product: IntArray) -> NDArray[np.int64]:
    return customer.astype(np.int64) << 32 | product


@lru_cache(maxsize=2)  # the snapshot that is served, and the one it is being replaced by
def frozen_interest(snapshot: Snapshot) -> tuple[NDArray[np.int64], IntArray, FloatArray]:
    """`interest_of` everybody in a snapshot: where the rows of each customer start, product, interest."""
    customer, product, interest = interest_of(snapshot.purchases, snapshot.opinions)
    return starts_of(customer, len(snapshot.customers)), product, interest


@dataclass(frozen=True)
class TrainingData:
    """What scorers learn from.

    Attributes
    ----------
    live
        The graph with its rules of evidence, nothing having happened since its snapshot.
    modelled
        bool ``[customers]``: who agrees to ``personalisation``. Nobody else is in any model.
    """

    live: LiveGraph
    modelled: BoolArray

    @classmethod
    def of(cls, live: LiveGraph) -> TrainingData:
        """The people of a graph who may be learned from."""
        agree = (live.agrees(customer, "personalisation") for customer in range(len(live.snapshot.customers)))
        return cls(live, np.fromiter(agree, np.bool_, len(live.snapshot.customers)))

    @property
    def snapshot(self) -> Snapshot:
        """The facts."""
        return self.live.snapshot

    @cached_property
    def interest(self) -> sp.csr_matrix:
        """float32 ``[customers, products]``: `interest_of` everybody modelled, the other rows empty."""
        customer, product, interest = interest_of(self.snapshot.purchases, self.snapshot.opinions)
        mine = self.modelled[customer]
        shape = len(self.snapshot.customers), len(self.snapshot.products)
        return sp.csr_matrix((interest[mine], (customer[mine], product[mine])), shape)

    @cached_property
    def fans(self) -> sp.csr_matrix:
        """float32 ``[customers, products]``: 1 where the interest is positive."""
        fans = self.interest.copy()
        fans.data = (fans.data > 0).astype(np.float32)
        fans.eliminate_zeros()
        return fans

    @cached_property
    def buyers(self) -> IntArray:
        """int32 ``[products]``: how many people are interested in each."""
        return np.bincount(self.fans.indices, minlength=self.fans.shape[1]).astype(np.int32)

    @property
    def size(self) -> int:
        """How many products anybody modelled is interested in: over these, scores are put on one scale."""
        return int(np.count_nonzero(self.buyers))
