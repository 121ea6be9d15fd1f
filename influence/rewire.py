"""The same numbers of friends, other friends: what a graph would look like if only popularity made friendships."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.snapshot import Ties, rows_of, starts_of

ROUNDS = 20
"""How often every friendship is offered a swap. On graphs of 12,000 and of 300,000 friendships as few of the old ones were left after
10 rounds as after 60."""


def rewired(ties: Ties, seed: int, rounds: int = ROUNDS) -> Ties:
    """Friendships drawn at random among all that leave everybody as many friends as they have.

    Friendships meet in random pairs and exchange partners: a-b and c-d become a-d and c-b (double edge swaps; Milo,
    Kashtan, Itzkovitz, Newman and Alon, "On the uniform generation of random graphs with prescribed degree sequences",
    2003, arXiv cond-mat/0312028). A whole round is swapped at once. A pair stays as it is if a friendship that it has,
    or would get, is one that any other pair has or would get: then every round can be undone by one that is as likely,
    so that no graph is favoured in the end.

    Parameters
    ----------
    ties
        Each friendship in both directions, nobody a friend of their own.
    seed
        The same seed gives the same friendships.
    rounds
        How often all friendships meet; 0 changes nothing.

    Returns
    -------
    Ties
        As many, in the same form. A friendship's age stays with the one of its two people whom it keeps.
    """
    rng, person = np.random.default_rng(seed), rows_of(ties.starts)
    once = person < ties.friend
    ends = np.stack((person[once], ties.friend[once])).astype(np.int64)
    for _ in range(rounds):
        _swap(ends, rng)
    both, since = np.concatenate((ends, ends[::-1]), axis=1), np.tile(ties.since[once], 2)
    order = np.lexsort((both[1], both[0]))
    people = len(ties.starts) - 1
    return Ties(starts_of(both[0][order], people), both[1][order].astype(np.int32), since[order])


def _swap(ends: NDArray[np.int64], rng: np.random.Generator) -> None:
    """One round, in place: int64 ``[2, friendships]``."""
    count = ends.shape[1]
    order, half = rng.permutation(count), count // 2
    one, other = order[:half], order[half : 2 * half]
    (a, b), (c, d) = ends[:, one], ends[:, other]
    turned = rng.random(half) < 0.5  # a friendship has no direction: c-d is also d-c
    c, d = np.where(turned, d, c), np.where(turned, c, d)
    keys = np.concatenate((_keys(*ends), _keys(a, d), _keys(c, b)))
    _, place, times = np.unique(keys, return_inverse=True, return_counts=True)
    alone = times[place] == 1
    kept = (a != d) & (c != b) & alone[one] & alone[other] & alone[count : count + half] & alone[count + half :]
    ends[:, one[kept]], ends[:, other[kept]] = (a[kept], d[kept]), (c[kept], b[kept])


def _keys(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each friendship, whichever end is named first."""
    keys: NDArray[np.int64] = np.minimum(one, other) << 32 | np.maximum(one, other)
    return keys
