"""Whether friends buy alike more than chance would have it.

People who are alike become friends (homophily), and friends move each other to buy (influence). What is observed cannot
tell the two apart, however much of it there is (Shalizi and Thomas, "Homophily and contagion are generically confounded
in observational social network studies", Sociological Methods and Research 2011): only an experiment can. What is measured
here is both together, against graphs in which everybody has as many friends as before, drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.arrays import pairs, ranges
from graph.snapshot import RETURNED, IntArray, Purchases, Ties
from influence.rewire import rewired

BLOCK = 50_000
"""Purchases looked at together: all friends of their buyers fit into memory."""


@dataclass(frozen=True)
class Homophily:
    """Which share of purchases at least one friend had made before.

    Attributes
    ----------
    purchases
        How many pairs of customer and product were looked at.
    share
        Among the real friends, 0 to 1.
    rewired
        The mean share among ``graphs`` rewired friendships.
    lower, upper
        Between these lie 95 % of the rewired shares.
    p_value
        How likely chance alone gives a share as high as the real one: ``(1 + rewired shares as high) / (1 + graphs)``
        (Phipson and Smyth, "Permutation p-values should never be zero", 2010).
    """

    purchases: int
    share: float
    graphs: int
    rewired: float
    lower: float
    upper: float
    p_value: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def homophily(
    customer: IntArray,
    product: IntArray,
    before: Purchases,
    ties: Ties,
    *,
    graphs: int,
    seed: int,
    progress: Callable[[str, float], None] = lambda step, fraction: None,
) -> Homophily | None:
    """Compare the real friendships with rewired ones; None without purchases or friendships.

    Parameters
    ----------
    customer, product
        int32 ``[n]``: who bought what later; positions, those of products possibly `graph.ids.UNKNOWN`.
    before
        What everybody had bought before.
    ties
        Friendships.
    graphs
        How many times they are rewired, at least 1.
    seed
        Of the rewiring.
    progress
        Told how far it is.
    """
    if not len(customer) or not len(ties.friend):
        return None
    owned, shares = _owned(before), []
    for done in range(graphs):
        progress("rewiring friendships", done / graphs)
        shares.append(friends_share(customer, product, owned, rewired(ties, seed + done)))
    progress("rewiring friendships", 1.0)
    real = friends_share(customer, product, owned, ties)
    lower, upper = np.percentile(shares, (2.5, 97.5)).tolist()
    p_value = (1 + sum(share >= real for share in shares)) / (1 + graphs)
    return Homophily(len(customer), real, graphs, float(np.mean(shares)), lower, upper, p_value)


def friends_share(customer: IntArray, product: IntArray, owned: NDArray[np.int64], ties: Ties) -> float:
    """Which share of these pairs at least one friend of the customer owns; ``owned`` is ``customer << 32 | product``,
    ascending."""
    found = 0
    for start in range(0, len(customer), BLOCK):
        who, what = customer[start : start + BLOCK], product[start : start + BLOCK]
        first, many = ties.starts[who], ties.starts[who + 1] - ties.starts[who]
        keys = pairs(ties.friend[ranges(first, many)], np.repeat(what, many))
        owns = np.zeros(len(keys) + 1, np.int64)
        owns[1:] = np.cumsum(owned.take(owned.searchsorted(keys), mode="clip") == keys) if len(owned) else 0
        ends = np.cumsum(many)
        found += int(np.count_nonzero(owns[ends] > owns[ends - many]))
    return found / len(customer)


def _owned(before: Purchases) -> NDArray[np.int64]:
    """``customer << 32 | product`` of all that was kept, ascending."""
    kept = (before.flags & RETURNED) == 0
    return np.unique(pairs(before.customer[kept], before.product[kept]))
