"""What people are interested in: purchases and opinions as one number per person and product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.arrays import pairs, run_starts
from graph.live import LiveGraph
from graph.moments import LONG_AGO, Moment
from graph.snapshot import RETURNED, BoolArray, FloatArray, IntArray, Opinions, Purchases, Snapshot, rows_of, starts_of

DISLIKED = -1.0

OLD = np.float32(0.2)
"""What is left of the weight of an interest when it is very old, or nobody knows how old."""


class Interests(NamedTuple):
    """Who is interested in what: int32 ``customer`` and ``product``, sorted by both, float32 ``interest``, and int64
    ``newest``, when it was last shown (`graph.moments.LONG_AGO` if nobody knows)."""

    customer: IntArray
    product: IntArray
    interest: FloatArray
    newest: NDArray[np.int64]


def interests_of(purchases: Purchases, opinions: Opinions) -> Interests:
    """Interests of the people in two tables that have the same rows.

    One purchase of strength 1 gives 1; more strength adds ever less (``log2(1 + strength)``); a like counts as one
    purchase; a dislike makes it `DISLIKED`, whatever was bought. Where there is no interest there is no entry.
    """
    kept, opinion = (purchases.flags & RETURNED) == 0, opinions.opinion
    both, strength = pairs(purchases.customer, purchases.product)[kept], np.maximum(purchases.strength[kept], 0)
    at = purchases.at[kept]
    if len(opinion):
        both = np.concatenate((both, pairs(rows_of(opinions.starts), opinions.product)))
        strength = np.concatenate((strength, np.where(opinion < 0, np.nan, opinion)))  # not a number: a dislike
        at = np.concatenate((at, opinions.at))
    order = np.argsort(both, kind="stable")
    both = both[order]
    first = run_starts(both)
    total = np.add.reduceat(strength[order], first, dtype=np.float64) if len(first) else np.zeros(0)
    newest = np.maximum.reduceat(at[order], first) if len(first) else at
    interest = np.nan_to_num(np.log2(1 + total), nan=DISLIKED).astype(np.float32)
    some = interest != 0
    both, interest, newest = both[first[some]], interest[some], newest[some]
    return Interests((both >> 32).astype(np.int32), (both & 0xFFFFFFFF).astype(np.int32), interest, newest)


def recency(newest: NDArray[np.int64], as_of: Moment, half_life: Moment | None) -> FloatArray:
    """float32: the weight of interests by age, from 1 for a fresh one down to `OLD`, the way there being halved with
    every ``half_life``; None: age does not count."""
    if half_life is None:
        return np.ones(len(newest), np.float32)
    age = np.maximum(as_of - newest, 0) / half_life
    weight: FloatArray = OLD + (1 - OLD) * np.exp2(-age).astype(np.float32)
    return weight


class History(NamedTuple):
    """What one person is interested in, ascending by product; the fields are those of `Interests`."""

    product: IntArray
    interest: FloatArray
    newest: NDArray[np.int64]


class Taste(NamedTuple):
    """The history of one person, and the products that are owned and disliked: int32, ascending."""

    history: History
    owned: IntArray
    disliked: IntArray


NO_HISTORY = History(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int64))
NO_TASTE = Taste(NO_HISTORY, np.zeros(0, np.int32), np.zeros(0, np.int32))
"""Of somebody of whom nothing is known."""


class Rows(NamedTuple):
    """Products of many people: those of person c are ``product[starts[c]:starts[c + 1]]``, int32, ascending."""

    starts: NDArray[np.int64]
    product: IntArray

    @classmethod
    def distinct(cls, customer: IntArray, product: IntArray, people: int) -> Rows:
        """Of pairs in any order."""
        rows = np.sort(pairs(customer, product))
        rows = rows[run_starts(rows)]
        return cls(starts_of(rows >> 32, people), (rows & 0xFFFFFFFF).astype(np.int32))

    def of(self, person: int) -> slice:
        """Where those of one person are."""
        return slice(*self.starts[person : person + 2].tolist())


@dataclass(frozen=True)
class Tastes:
    """The taste of everybody in two tables that have the same rows; ``interest`` and ``newest`` are those of
    ``history``."""

    history: Rows
    interest: FloatArray
    newest: NDArray[np.int64]
    owned: Rows
    disliked: Rows

    @classmethod
    def of(cls, purchases: Purchases, opinions: Opinions) -> Tastes:
        """Worked out from all that happened."""
        people, kept, disliked = len(purchases.starts) - 1, (purchases.flags & RETURNED) == 0, opinions.opinion < 0
        found = interests_of(purchases, opinions)
        return cls(
            Rows(starts_of(found.customer, people), found.product),
            found.interest,
            found.newest,
            Rows.distinct(purchases.customer[kept], purchases.product[kept], people),
            Rows.distinct(rows_of(opinions.starts)[disliked], opinions.product[disliked], people),
        )

    def row(self, person: int) -> Taste:
        """That of one of them."""
        rows, owned, disliked = self.history.of(person), self.owned.of(person), self.disliked.of(person)
        history = History(self.history.product[rows], self.interest[rows], self.newest[rows])
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
        """float32 ``[customers, products]``: `interests_of` everybody modelled, the other rows empty."""
        return self._matrix(self._interests.interest)

    def aged(self, half_life: Moment | None) -> sp.csr_matrix:
        """The same, weighed by `recency`."""
        found = self._interests
        return self._matrix(found.interest * recency(found.newest, self.snapshot.as_of, half_life))

    @property
    def timed(self) -> bool:
        """Whether it is known of most interests when they were shown."""
        newest = self._interests.newest
        return bool(len(newest)) and float(np.mean(newest > LONG_AGO)) > 0.5

    @cached_property
    def newest(self) -> NDArray[np.int64]:
        """int64: when each interest of `interest` was last shown, in the order of its entries."""
        return self._interests.newest

    @cached_property
    def _interests(self) -> Interests:
        found = interests_of(self.snapshot.purchases, self.snapshot.opinions)
        mine = self.modelled[found.customer]
        return Interests(found.customer[mine], found.product[mine], found.interest[mine], found.newest[mine])

    def _matrix(self, values: FloatArray) -> sp.csr_matrix:
        found, shape = self._interests, (len(self.snapshot.customers), len(self.snapshot.products))
        return sp.csr_matrix((values.copy(), found.product, starts_of(found.customer, shape[0])), shape)

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
