"""The only door through which one person's behaviour reaches another person's screen.

A purchase becomes evidence for the buyer's friends when all of this holds (`EvidenceRules` has the figures):

- the buyer granted ``social_proof``, is no minor, and has an order that is settled: old enough and not taken back;
- the purchase is no gift, not private, not taken back, not of a sensitive product, and older than the delay;
- the friendship is old enough and neither of the two blocks the other.

Evidence is fixed at the opening of an epoch (a day): what is new waits for the next opening, what is withdrawn leaves at once. A friend is
named if the buyer also granted ``named`` and the purchase does not say "count". All others are a count in buckets, and only with enough
buyers and enough friends who could have bought and did not. Ranking, labels and reasons read `FriendEvidence` and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph.arrays import pairs, ranges, run_lengths, run_starts
from graph.consent import BIT
from graph.moments import DAY, HOUR, Moment
from graph.snapshot import (
    COUNT_ONLY,
    GIFT,
    PRIVATE,
    RETURNED,
    BoolArray,
    IntArray,
    Purchases,
    Ties,
    may_be_minor,
    rows_of,
    starts_of,
)

BUCKETS = (3, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRules:
    """Figures of the rules; moments are in microseconds. ``epoch`` 0: everything counts at once."""

    min_buyers: int = 3
    min_non_buyers: int = 3
    tie_age: Moment = 7 * DAY
    settled_age: Moment = 14 * DAY
    delay: Moment = 48 * HOUR
    epoch: Moment = DAY
    minor_age: int = 16

    def opening(self, now: Moment) -> Moment:
        """When the epoch of a moment began."""
        return now - now % self.epoch if self.epoch else now


UNRESTRICTED = EvidenceRules(min_buyers=1, min_non_buyers=0, tie_age=0, settled_age=0, delay=0, epoch=0, minor_age=0)
"""Thresholds, ages, delay and epoch off: for comparisons with published figures."""


@dataclass(frozen=True)
class Shown:
    """What each person lets friends see: distinct products, ascending, and whether the person may be named with it.

    ``starts`` int64 ``[people + 1]``, ``product`` int32 ``[rows]``, ``named`` bool ``[rows]``, ``contributor`` bool ``[people]``.
    """

    starts: NDArray[np.int64]
    product: IntArray
    named: BoolArray
    contributor: BoolArray

    def of(self, person: int) -> tuple[IntArray, BoolArray]:
        """Products and names of one person."""
        rows = slice(self.starts[person], self.starts[person + 1])
        return self.product[rows], self.named[rows]


@dataclass(frozen=True)
class FriendEvidence:
    """What a viewer may learn of the friends' purchases.

    Attributes
    ----------
    product
        int32 ``[p]``, distinct, ascending.
    named
        int32 ``[p]``: how many friends may be named.
    count
        int32 ``[p]``: lower end of the bucket of the others, 0 where the count stays hidden.
    pairs
        int64 ``[q]``, ascending: who may be named for which product, ``product << 32 | friend``.
    """

    product: IntArray
    named: IntArray
    count: IntArray
    pairs: NDArray[np.int64]

    @cached_property
    def strength(self) -> IntArray:
        """int32 ``[p]``: named friends plus the bucket: exactly what may be shown, so that the order tells no more than the label."""
        strength: IntArray = np.add(self.named, self.count, dtype=np.int32)
        return strength

    def friends_of(self, products: IntArray) -> list[list[int]]:
        """Positions of the friends to name for each product."""
        first = products.astype(np.int64) << 32
        starts, ends = self.pairs.searchsorted(first), self.pairs.searchsorted(first + (1 << 32))
        friends = (self.pairs & _PERSON).tolist()
        return [friends[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    def friends(self, product: int) -> list[int]:
        """Positions of the friends to name for one product."""
        return self.friends_of(np.array([product], np.int32))[0]

    def counts_of(self, products: IntArray) -> IntArray:
        """int32: the buckets of some products, 0 where hidden."""
        if not len(self.product):
            return np.zeros(len(products), np.int32)
        at = self.product.searchsorted(products)
        counts: IntArray = self.count.take(at, mode="clip") * (self.product.take(at, mode="clip") == products)
        return counts


def bucket_label(count: int) -> str | None:
    """``"3+"``, ``"5+"``, ``"10+"``; None for a hidden count."""
    return f"{count}+" if count else None


def shown(
    purchases: Purchases,
    granted: NDArray[np.uint8],
    birth_year: NDArray[np.int16],
    sensitive: BoolArray,
    rules: EvidenceRules,
    opening: Moment,
) -> Shown:
    """Apply the rules to the purchases of ``len(granted)`` people.

    Parameters
    ----------
    purchases
        Their purchases, row by row.
    granted
        uint8 ``[people]``, bits of `graph.consent.BIT`.
    birth_year
        int16 ``[people]``.
    sensitive
        bool ``[products]``.
    rules, opening
        The figures, and the start of the epoch.
    """
    people, buyer = len(granted), purchases.customer
    kept = (purchases.flags & RETURNED) == 0
    settled = np.zeros(people, np.bool_)
    settled[buyer[kept & (purchases.at + rules.settled_age <= opening)]] = True
    contributor = settled & ((granted & BIT["social_proof"]) != 0) & ~may_be_minor(birth_year, rules.minor_age, opening)
    visible = (
        kept
        & contributor[buyer]
        & ((purchases.flags & (GIFT | PRIVATE)) == 0)
        & ~sensitive[purchases.product]
        & (purchases.at + rules.delay <= opening)
    )
    nameable = ((granted[buyer] & BIT["named"]) != 0) & ((purchases.flags & COUNT_ONLY) == 0)
    rows = np.unique(pairs(buyer[visible], purchases.product[visible]) * 2 + ~nameable[visible])
    rows = rows[run_starts(rows >> 1)]
    return Shown(starts_of(rows >> 33, people), (rows >> 1 & 0xFFFFFFFF).astype(np.int32), (rows & 1) == 0, contributor)


def eligible_ties(ties: Ties, blocks: IntArray, rules: EvidenceRules, opening: Moment) -> Ties:
    """Friendships that are old enough, of people neither of whom blocks the other (``blocks`` int32 ``[n, 2]``)."""
    person = rows_of(ties.starts)
    apart = np.concatenate((pairs(blocks[:, 0], blocks[:, 1]), pairs(blocks[:, 1], blocks[:, 0])))
    kept = (ties.since + rules.tie_age <= opening) & ~np.isin(pairs(person, ties.friend), apart)
    return Ties(starts_of(person[kept], len(ties.starts) - 1), ties.friend[kept], ties.since[kept])


class Evidence:
    """Everybody's evidence in one epoch. ``renew_person`` and ``renew_ties`` take in what changed since."""

    def __init__(self, shown: Shown, ties: Ties, rules: EvidenceRules, opening: Moment) -> None:
        self.rules = rules
        self.opening = opening
        self._shown = shown
        self._sights = _sights(rows_of(shown.starts), shown.product, shown.named)
        self._ties = ties
        self._contributes = np.append(shown.contributor, False)  # the last stands for everybody beyond
        bounds = (0, min(rules.min_buyers, BUCKETS[0]), *BUCKETS)
        self._bucket = np.array([max(one for one in bounds if one <= count) for count in range(BUCKETS[-1] + 1)])
        self._new_shown: dict[int, tuple[IntArray, BoolArray, bool]] = {}
        self._new_ties: dict[int, IntArray] = {}

    def of(self, viewer: int) -> FriendEvidence:
        """What the friends of a viewer let the viewer see."""
        contributors = self.contributors(viewer)
        sights = self._sights_of(contributors)
        if not len(sights):
            return NOTHING
        sights.sort()
        product, hidden = sights >> 32, sights >> 31 & 1
        first = run_starts(product)
        buyers = run_lengths(first, len(product))
        others = np.add.reduceat(hidden, first)
        enough = (others >= self.rules.min_buyers) & (len(contributors) - buyers >= self.rules.min_non_buyers)
        names, count = buyers - others, self._bucket.take(others, mode="clip") * enough
        worth = (names + count).nonzero()[0]
        return FriendEvidence(
            product[first[worth]].astype(np.int32),
            names[worth].astype(np.int32),
            count[worth].astype(np.int32),
            sights[hidden == 0],
        )

    def ties(self, viewer: int) -> IntArray:
        """Friends whose friendship counts in this epoch."""
        if viewer in self._new_ties:
            return self._new_ties[viewer]
        return self._ties.of(viewer) if viewer < len(self._ties.starts) - 1 else _NOBODY

    def contributors(self, viewer: int) -> IntArray:
        """Those of them who let themselves be counted and have a settled order."""
        friends = self.ties(viewer)
        contributors: IntArray = friends[self._contributes.take(friends, mode="clip")]
        return contributors

    def shown_by(self, person: int) -> IntArray:
        """int32, ascending: the products that a person lets friends see."""
        return self._shown_by(person)[0]

    def renew_person(self, person: int, now_shown: Shown, *, opening: bool) -> None:
        """Take in what a person shows now: all of it at an opening, else only what is withdrawn."""
        product, named = now_shown.of(0)
        contributor = bool(now_shown.contributor[0])
        if self.rules.epoch and not opening:
            before, before_named, before_contributor = self._shown_by(person)
            stays = np.isin(product, before)
            product, named = product[stays], named[stays]
            named = named & before_named[np.searchsorted(before, product)]
            contributor = contributor and before_contributor
        self._new_shown[person] = product, named, contributor
        if person >= len(self._contributes) - 1:  # doubled, so that many newcomers cost little each
            self._contributes = np.append(self._contributes, np.zeros(person + 2, np.bool_))
        self._contributes[person] = contributor

    def renew_ties(self, person: int, friends: IntArray, *, opening: bool) -> None:
        """Take in the friends that a person has now and whose friendship is old enough."""
        if self.rules.epoch and not opening:
            friends = friends[np.isin(friends, self.ties(person))]
        self._new_ties[person] = friends

    def _shown_by(self, person: int) -> tuple[IntArray, BoolArray, bool]:
        if person in self._new_shown:
            return self._new_shown[person]
        if person >= len(self._shown.contributor):
            return _NOBODY, np.zeros(0, np.bool_), False
        return *self._shown.of(person), bool(self._shown.contributor[person])

    def _sights_of(self, people: IntArray) -> NDArray[np.int64]:
        """What each of these people shows, one after the other."""
        if not self._new_shown.keys().isdisjoint(people.tolist()):
            return np.concatenate([_sights(person, *self._shown_by(person)[:2]) for person in people.tolist()])
        starts = self._shown.starts.take(people)
        return self._sights.take(ranges(starts, self._shown.starts.take(people + 1) - starts))


def _sights(person: IntArray | int, product: IntArray, named: BoolArray) -> NDArray[np.int64]:
    """What is shown as numbers, ``product << 32 | hidden << 31 | person``: sorting them is the quickest way to count."""
    return product.astype(np.int64) << 32 | (~named).astype(np.int64) << 31 | person


_PERSON = (1 << 31) - 1
_NOBODY = np.zeros(0, np.int32)
NOTHING = FriendEvidence(_NOBODY, _NOBODY, _NOBODY, np.zeros(0, np.int64))
"""The evidence of somebody without friends."""
