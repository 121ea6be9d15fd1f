"""How good ranked lists are: what they find, with binary relevance, and what else they show.

The first six look at hits: each takes bool ``[lists, ranks]`` (which places hold a wanted product), int64 ``[lists]`` (how
many products were wanted, at least 1) and k (how many ranks count), and gives float64 ``[lists]`` from 0 to 1, 1 being best.
Where no other source is named, the definition is that of Manning, Raghavan and Schütze, "Introduction to Information
Retrieval", 2008, chapter 8. The ideal list of NDCG and MAP holds ``min(k, wanted)`` hits.

The others ask how far from the beaten track the lists are: they look at exposures, the products in the first k places of
lists, and at how many people had bought each product before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph.arrays import pairs
from graph.snapshot import RETURNED, BoolArray, Purchases

Figures = NDArray[np.float64]


def ndcg(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """Normalised discounted cumulative gain: each hit counts ``1 / log2(rank + 1)``, by what the ideal list would give.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 2002; binary gains, the
    logarithm of every rank as in Burges et al., "Learning to rank using gradient descent", ICML 2005.
    """
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.concatenate(([0.0], np.cumsum(discount)))[np.minimum(wanted, k)]
    top = hits[:, :k]
    figures: Figures = top @ discount[: top.shape[1]] / ideal
    return figures


def precision(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """Hits among the first k, by k."""
    figures: Figures = hits[:, :k].sum(1) / k
    return figures


def recall(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """Hits among the first k, by how many were wanted."""
    figures: Figures = hits[:, :k].sum(1) / wanted
    return figures


def hit_rate(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """1 where there is any hit among the first k (Deshpande and Karypis, "Item-based top-N recommendation algorithms",
    ACM TOIS 2004)."""
    return np.asarray(hits[:, :k].any(1), np.float64)


def mrr(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """One by the rank of the first hit, 0 without one (Voorhees, "The TREC-8 question answering track report", 1999)."""
    top = hits[:, :k]
    if not top.shape[1]:
        return np.zeros(len(hits))
    first = np.where(top.any(1), top.argmax(1) + 1, np.inf)
    return np.asarray(1 / first)


def average_precision(hits: BoolArray, wanted: NDArray[np.int64], k: int) -> Figures:
    """Mean of the precision at each hit, by ``min(k, wanted)``."""
    top = hits[:, :k]
    at_hits = np.where(top, np.cumsum(top, 1) / np.arange(1, top.shape[1] + 1), 0)
    figures: Figures = at_hits.sum(1) / np.minimum(wanted, k)
    return figures


METRICS = {
    "recall": recall,
    "precision": precision,
    "ndcg": ndcg,
    "hit_rate": hit_rate,
    "mrr": mrr,
    "map": average_precision,
}
"""By the name that reports use; ``map`` and the others are means over people."""

HEAD = 0.8
"""The head of a catalogue holds this share of all purchases."""


@dataclass(frozen=True)
class Market:
    """What was bought before.

    Attributes
    ----------
    buyers
        int64 ``[products]``: how many people had bought and kept each.
    people
        How many had bought anything.
    """

    buyers: NDArray[np.int64]
    people: int

    @classmethod
    def of(cls, purchases: Purchases, products: int) -> Market:
        """Counted over a table of purchases of so many products."""
        kept = (purchases.flags & RETURNED) == 0
        bought = np.unique(pairs(purchases.customer[kept], purchases.product[kept]))
        return cls(np.bincount(bought & 0xFFFFFFFF, minlength=products), len(np.unique(bought >> 32)))

    @cached_property
    def surprise(self) -> Figures:
        """The self-information of each product, ``-log2(buyers / people)``, float64 ``[products]``; one that nobody had
        bought counts as bought once."""
        figures: Figures = np.log2(max(self.people, 1) / np.maximum(self.buyers, 1))
        return figures

    @cached_property
    def tail(self) -> BoolArray:
        """Which products are outside the head, the fewest that hold `HEAD` of all purchases: bool ``[products]``."""
        order = np.argsort(-self.buyers, kind="stable")
        total = np.cumsum(self.buyers[order])
        tail = np.empty(len(order), np.bool_)
        tail[order] = total - self.buyers[order] >= HEAD * self.buyers.sum()
        return tail


def novelty(exposed: NDArray[np.int32], market: Market) -> float:
    """Mean self-information of the products of one list, in bits: 0 for what everybody has, ``log2(people)`` at most.

    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010. An empty list has 0.
    """
    return float(market.surprise[exposed].mean()) if len(exposed) else 0.0


def long_tail(exposed: NDArray[np.int32], market: Market) -> float:
    """Which share of one list is outside the head of the catalogue, 0 to 1.

    Abdollahpouri, Burke and Mobasher, "Managing popularity bias in recommender systems with personalized re-ranking",
    FLAIRS 2019. An empty list has 0.
    """
    return float(market.tail[exposed].mean()) if len(exposed) else 0.0


def coverage(exposures: NDArray[np.int64]) -> float:
    """Which share of the catalogue is in any list, 0 to 1 (Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy:
    evaluating recommender systems by coverage and serendipity", RecSys 2010). ``exposures``: int64 ``[products]``."""
    return float(np.count_nonzero(exposures)) / max(len(exposures), 1)


def gini(exposures: NDArray[np.int64]) -> float:
    """How unequally exposure is spread over the catalogue: 0 if all products are shown alike, nearly 1 if one product is
    all that anybody sees.

    With exposures ``x_1 <= ... <= x_n``: ``sum((2j - n - 1) x_j) / (n sum(x_j))``; Fleder and Hosanagar, "Blockbuster
    culture's next rise or fall", Management Science 2009. 0 where nothing is shown.
    """
    ascending, count = np.sort(exposures), len(exposures)
    if not ascending.sum():
        return 0.0
    return float((2 * np.arange(1, count + 1) - count - 1) @ ascending / (count * ascending.sum()))


def standard_error(figures: Figures) -> float:
    """Of the mean of figures of people, as many as there are; 0 for fewer than two."""
    return float(figures.std(ddof=1) / np.sqrt(len(figures))) if len(figures) > 1 else 0.0
