"""What people are interested in: purchases and opinions as one number per person and product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

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


class Taste(NamedTuple):
    """Products of one person, int32, ascending: the history with the interest in each, what is owned, what is
    disliked."""

    history: tuple[IntArray, FloatArray]
    owned: IntArray
    disliked: IntArray


NO_TASTE = Taste((np.zeros(0, np.int32), np.zeros(0, np.float32)), np.zeros(0, np.int32), np.zeros(0, np.int32))
"""Of somebody of whom nothing is known."""


class Rows(NamedTuple):
    """Products of many people: those of person c are ``product[starts[c]:starts[c + 1]]``, int32, ascending."""

    starts: NDArray[np.int64]
    product: IntArray

    @classmethod
    def distinct(cls, customer: IntArray, product: IntArray, people: int) -> Rows:
        """Of pairs in any order."""
        pairs = np.sort(_pair(customer, product))
        pairs = pairs[run_starts(pairs)]
        return cls(starts_of(pairs >> 32, people), (pairs & 0xFFFFFFFF).astype(np.int32))

    def of(self, person: int) -> slice:
        """Where those of one person are."""
        return slice(*self.starts[person : person + 2].tolist())


@dataclass(frozen=True)
class Tastes:
    """The taste of everybody in two tables that have the same rows, ``interest`` being that of ``history``."""

    history: Rows
    interest: FloatArray
    owned: Rows
    disliked: Rows

    @classmethod
    def of(cls, purchases: Purchases, opinions: Opinions) -> Tastes:
        """Worked out from all that happened."""
        people, kept, disliked = len(purchases.starts) - 1, (purchases.flags & RETURNED) == 0, opinions.opinion < 0
        customer, product, interest = interest_of(purchases, opinions)
        return cls(
            Rows(starts_of(customer, people), product),
            interest,
            Rows.distinct(purchases.customer[kept], purchases.product[kept], people),
            Rows.distinct(rows_of(opinions.starts)[disliked], opinions.product[disliked], people),
        )

    def row(self, person: int) -> Taste:
        """That of one of them."""
        rows, owned, disliked = self.history.of(person), self.owned.of(person), self.disliked.of(person)
        history = self.history.product[rows], self.interest[rows]
        return Taste(history, self.owned.product[owned], self.disliked.product[disliked])


@lru_cache(maxsize=2)  # the snapshot that is served, and the one it is being replaced by
def frozen_tastes(snapshot: Snapshot) -> Tastes:
    """`Tastes` of everybody in a snapshot."""
    return Tastes.of(snapshot.purchases, snapshot.opinions)


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
