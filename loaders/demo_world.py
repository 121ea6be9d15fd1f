"""The planted world behind the sample shop, as arrays: communities, friendships, tastes, purchases.

Rows stand for people and products; moments are whole seconds since 1970. Nothing here knows names, consents or records.

A purchase is made for one of two reasons, and the world remembers which: the person's own taste, or a friend's earlier
purchase. The latter is an independent cascade (Kempe, Kleinberg and Tardos, "Maximizing the spread of influence through
a social network", KDD 2003, section 2): each purchase gets one chance to move each friend, with a probability that
belongs to the buyer.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

DAY = 86_400
MAX_WAVES = 6
"""A chain of friends moving friends is at most this long."""


@dataclass(frozen=True, slots=True)
class People:
    """Per person: community, moment of joining, whether that was days ago, and ``strength``, the chance that a
    purchase of theirs moves a friend to the same."""

    community: IntArray
    joined: IntArray
    newcomer: BoolArray
    strength: FloatArray


@dataclass(frozen=True, slots=True)
class Friends:
    """Friendships in both directions: person ``i`` has ``friend[start[i]:start[i + 1]]``, each ``since`` a moment."""

    start: IntArray
    friend: IntArray
    since: IntArray


@dataclass(frozen=True, slots=True)
class Bought:
    """One row per purchase; ``cause`` is the row of the friend's purchase that moved the buyer, -1 for own taste."""

    person: IntArray
    product: IntArray
    at: IntArray
    cause: IntArray

    def __len__(self) -> int:
        return len(self.person)

    def rows(self, chosen: IntArray) -> Bought:
        """Those rows only; causes keep pointing into the old order."""
        return Bought(self.person[chosen], self.product[chosen], self.at[chosen], self.cause[chosen])

    def plus(self, more: Bought) -> Bought:
        """These rows, then those."""
        return Bought(
            np.concatenate((self.person, more.person)),
            np.concatenate((self.product, more.product)),
            np.concatenate((self.at, more.at)),
            np.concatenate((self.cause, more.cause)),
        )


class Tastes:
    """What people are drawn to: favourite topics of their own, those of their community, and now and then anything.

    Inside a topic the popularity of products follows Zipf's law. ``slot`` s of the catalogue is the ``s // topics``-th
    most popular product of topic ``s % topics``; ``slots`` maps slots to product rows.
    """

    def __init__(self, rng: Generator, community: IntArray, *, products: int, topics: int) -> None:
        self.community = community
        self.topics = topics
        self.slots = rng.permutation(products)
        fashion = rng.lognormal(0, 0.6, topics)
        self._communities = _cumulative(rng.gamma(0.08, size=(int(community.max()) + 1, topics)) * fashion + 1e-9)
        self._favourites: IntArray = rng.integers(topics, size=(len(community), 3))
        slot = np.arange(-(-products // topics) * topics).reshape(-1, topics).T
        self._popularity = _cumulative(np.where(slot < products, 1 / (slot // topics + 1.5) ** 1.2, 0.0))

    def draw(self, rng: Generator, person: IntArray) -> IntArray:
        """One product row for each entry of ``person``."""
        size = len(person)
        reason = rng.random(size)
        favourite = self._favourites[person, (3 * rng.random(size) ** 1.5).astype(np.int64)]
        shared = _pick(rng, self._communities, self.community[person])
        topic = np.where(reason < 0.5, favourite, np.where(reason < 0.92, shared, rng.integers(self.topics, size=size)))
        return self.slots[_pick(rng, self._popularity, topic) * self.topics + topic]


def _cumulative(weights: FloatArray) -> FloatArray:
    """Cumulative shares per row, row ``i`` shifted by ``i``: all rows together ascend; one search serves all."""
    shares = np.cumsum(weights, axis=1)
    return shares / shares[:, -1:] + np.arange(len(weights))[:, None]


def _pick(rng: Generator, cumulative: FloatArray, row: IntArray) -> IntArray:
    """A random column of each given row, by its weight."""
    found = np.searchsorted(cumulative.ravel(), row + rng.random(len(row)), side="right")
    column: IntArray = found - row * cumulative.shape[1]
    return column


def make_people(rng: Generator, count: int, now: int) -> People:
    """Communities of about 145 people, customers for a good while except 1 % newcomers; 4 % are strong influencers."""
    sizes = rng.lognormal(log(145), 0.25, max(1, round(count / 145)))
    bounds = np.cumsum(sizes) / sizes.sum() * count
    community = rng.permutation(np.searchsorted(bounds, np.arange(count) + 0.5))
    newcomer = rng.random(count) < 0.01
    newcomer[0] = False  # the first customer is the one that the documentation asks about
    days = np.where(newcomer, 5 * rng.random(count), 60 + 670 * np.sqrt(rng.random(count)))
    strength = np.where(rng.random(count) < 0.04, 0.2, 0.016) * rng.lognormal(0, 0.3, count)
    return People(community, now - (days * DAY).astype(np.int64), newcomer, strength)


def make_friends(rng: Generator, community: IntArray, now: int) -> Friends:
    """A configuration model: everybody holds out a skewed number of hands, paired at random, most in a community."""
    count = len(community)
    hands = np.clip(np.rint(rng.lognormal(log(15.5), 0.6, count)), 4, 120).astype(np.int64)
    hands[0] = max(hands[0], 20)
    person = np.repeat(np.arange(count), hands)
    anywhere = rng.random(len(person)) > 0.88
    circle = np.where(anywhere, community.max() + 1, community[person])
    person = person[np.lexsort((rng.random(len(person)), circle))]
    pairs = np.sort(person[: len(person) // 2 * 2].reshape(-1, 2), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    young = rng.random(len(pairs)) < 0.02
    days = np.where(young, 7 * rng.random(len(pairs)), 8 + rng.lognormal(log(1100), 0.7, len(pairs)))
    since = now - (np.minimum(days, 7300) * DAY).astype(np.int64)
    return _both_ways(pairs, since, count)


def _both_ways(pairs: IntArray, since: IntArray, count: int) -> Friends:
    person, friend = np.concatenate((pairs, pairs[:, ::-1])).T
    order = np.lexsort((friend, person))
    start = np.searchsorted(person[order], np.arange(count + 1))
    return Friends(start, friend[order], np.concatenate((since, since))[order])


def make_purchases(
    rng: Generator, people: People, friends: Friends, tastes: Tastes, shared: BoolArray, now: int
) -> Bought:
    """Two years of purchases up to ``now``, ordered by time; nobody buys a product twice.

    ``shared`` says per product whether friends talk about it; others are never bought because of a friend.
    """
    bought = _by_taste(rng, people, tastes, now)
    fresh = np.arange(len(bought))
    for _ in range(MAX_WAVES):
        moved = _by_friends(rng, bought, fresh[shared[bought.product[fresh]]], people, friends, now)
        fresh = np.arange(len(bought), len(bought) + len(moved))
        bought = bought.plus(moved)
    order = np.lexsort((bought.product, bought.person, bought.at))
    place = np.empty(len(order) + 1, np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1
    ordered = bought.rows(order)
    return Bought(ordered.person, ordered.product, ordered.at, place[ordered.cause])


def _by_taste(rng: Generator, people: People, tastes: Tastes, now: int) -> Bought:
    """Baskets at random moments since the person joined."""
    lines = np.clip(np.rint(rng.lognormal(log(10.5), 0.6, len(people.joined))), 2, 120).astype(np.int64)
    lines[people.newcomer] = 0
    baskets = np.ceil(lines / 1.6).astype(np.int64)
    person = np.repeat(np.arange(len(lines)), lines)
    basket = (np.cumsum(baskets) - baskets)[person] + (rng.random(len(person)) * baskets[person]).astype(np.int64)
    joined = people.joined[person]
    at = joined + (rng.random(int(baskets.sum()))[basket] * (now - joined)).astype(np.int64)
    bought = Bought(person, tastes.draw(rng, person), at, np.full(len(person), -1))
    return bought.rows(_first_of_each(bought))


def _by_friends(rng: Generator, bought: Bought, fresh: IntArray, people: People, friends: Friends, now: int) -> Bought:
    """One wave: what the ``fresh`` purchases move friends to who knew the buyer by then and do not have the product."""
    reach = np.diff(friends.start)[bought.person[fresh]]
    cause = np.repeat(fresh, reach)
    before = np.repeat(np.cumsum(reach) - reach, reach)
    tie = friends.start[bought.person[cause]] + np.arange(len(cause)) - before
    hit = rng.random(len(cause)) < people.strength[bought.person[cause]]
    cause, tie = cause[hit], tie[hit]
    person, product = friends.friend[tie], bought.product[cause]
    at = bought.at[cause] + 3600 + rng.exponential(12 * DAY, len(cause)).astype(np.int64)
    new = ~np.isin(_pair(person, product), _pair(bought.person, bought.product))
    moved = new & (bought.at[cause] > friends.since[tie]) & (at > people.joined[person]) & (at < now)
    wave = Bought(person, product, at, cause).rows(np.flatnonzero(moved))
    return wave.rows(_first_of_each(wave))


def _first_of_each(bought: Bought) -> IntArray:
    """Rows of the earliest purchase of each product by each person."""
    order = np.argsort(bought.at, kind="stable")
    return order[np.unique(_pair(bought.person, bought.product)[order], return_index=True)[1]]


def _pair(person: IntArray, product: IntArray) -> IntArray:
    """One number for a person and a product."""
    return person << 32 | product
