"""How good the answers are: the whole catalogue is ranked, through the same path as every request, for people whose
later acts are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from graph.ids import UNKNOWN
from graph.live import LiveGraph
from graph.snapshot import BoolArray
from recommend.compare import Difference, Interval, differences, intervals
from recommend.metrics import METRICS, Figures, Market, coverage, gini, long_tail, novelty
from recommend.model import Model
from recommend.progress import Progress, silent
from recommend.query import Query
from recommend.recommender import Recommender, rank, score
from recommend.rules import RULES, obey
from recommend.split import Truth
from recommend.topk import best_first
from recommend.viewer import Viewer

RECALL_AT = 20
RECALL_PEOPLE = 500
"""The candidates are compared with a full scan at this rank, for this many people."""

SLICES = {"newcomers": (0, 0), "1-5": (1, 5), "6-20": (6, 20), "21+": (21, None)}
"""Groups of people by how many products their history has, from and to."""


@dataclass(frozen=True)
class Group:
    """Some of the people asked.

    Attributes
    ----------
    customers
        Their ids.
    history
        How many products each had before.
    each
        Metric name ``name@k`` to float64 ``[people]``.
    together
        Metric name to a figure that only all lists together have: ``coverage@k``, ``gini@k``.
    """

    customers: tuple[str, ...]
    history: tuple[int, ...]
    each: Mapping[str, Figures]
    together: Mapping[str, float]

    @property
    def figures(self) -> dict[str, float]:
        """Means over people and what all lists have, by name; ``customers`` says how many; 0 for nobody."""
        means = {name: float(figures.mean()) if len(figures) else 0.0 for name, figures in self.each.items()}
        by_length = sorted({**means, **self.together}.items(), key=lambda figure: int(figure[0].partition("@")[2]))
        return {"customers": float(len(self.customers)), **dict(by_length)}

    def intervals(self, seed: int) -> dict[str, Interval]:
        """The 95 % interval of each mean; of fewer than two people nothing can be said."""
        if len(self.customers) < 2:
            return {}
        return dict(zip(self.each, intervals(np.column_stack([*self.each.values()]), seed), strict=True))

    def less(self, other: Group, seed: int) -> dict[str, Difference]:
        """The means less those of another model for the same people; nothing for fewer than two."""
        if len(self.customers) < 2:
            return {}
        mine, theirs = (np.column_stack([*group.each.values()]) for group in (self, other))
        return dict(zip(self.each, differences(mine, theirs, seed), strict=True))

    def as_dict(self, seed: int) -> dict[str, Any]:
        """Figures and intervals, for JSON."""
        return {**self.figures, "intervals": {name: list(interval) for name, interval in self.intervals(seed).items()}}


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes
    ----------
    ranked
        Customer id to product ids, best first.
    everybody
        All who were asked, in the order of ``ranked``.
    known
        Those of them with a history in the facts.
    slices
        By the names of `SLICES`.
    """

    ranked: Mapping[str, tuple[str, ...]]
    everybody: Group
    known: Group
    slices: Mapping[str, Group]

    @property
    def newcomers(self) -> Group:
        """Those without a history."""
        return self.slices["newcomers"]

    @cached_property
    def slice_of(self) -> tuple[str, ...]:
        """The slice of each of everybody."""
        names = {customer: name for name, group in self.slices.items() for customer in group.customers}
        return tuple(names[customer] for customer in self.everybody.customers)

    def as_dict(self, seed: int) -> dict[str, Any]:
        """The figures, for JSON: those of people with a history, and beside them those of each slice."""
        others = {name: group.as_dict(seed) for name, group in self.slices.items()}
        newcomers = others.pop("newcomers")
        return {**self.known.as_dict(seed), "newcomers": newcomers, "slices": others}


def evaluate(
    model: Model, live: LiveGraph, truth: Truth, *, ks: tuple[int, ...] = (10, 20), progress: Progress = silent
) -> Report:
    """Rank for everybody in ``truth`` who has a product there, without what they own.

    Parameters
    ----------
    model
        With the positions of the graph's snapshot.
    live
        The facts before.
    truth
        What happened after. Products that the graph does not know count as wanted and never found.
    ks
        Ranks to report.
    progress
        Told how far it is.
    """
    recommender, asked = Recommender(model), asked_of(truth)
    ranked: dict[str, tuple[str, ...]] = {}
    for done, customer in enumerate(asked):
        if done % 100 == 0:
            progress("evaluating", done / len(asked))
        ranked[customer] = recommender.rank(Query(customer=customer, limit=max(ks)), live)
    progress("evaluating", 1.0)
    return judge(ranked, live, truth, ks)


def judge(ranked: Mapping[str, tuple[str, ...]], live: LiveGraph, truth: Truth, ks: tuple[int, ...]) -> Report:
    """The figures of ranked lists; parameters as in `evaluate`."""
    lists = _Lists.of(ranked, live, truth, ks)
    history = np.array([_history(live, customer) for customer in ranked], np.int64)
    groups = {
        name: lists.group((history >= least) & (history <= (np.inf if most is None else most)), history)
        for name, (least, most) in SLICES.items()
    }
    return Report(ranked, lists.group(history >= 0, history), lists.group(history > 0, history), groups)


def asked_of(truth: Truth) -> list[str]:
    """Who has something to find, in order."""
    return sorted(customer for customer, wanted in truth.items() if wanted)


@dataclass(frozen=True)
class _Lists:
    """Ranked lists as arrays: the customers, the figures of each, and the positions of the products."""

    customers: Sequence[str]
    each: Mapping[str, Figures]
    products: Sequence[np.ndarray[Any, np.dtype[np.int32]]]
    catalogue: int
    ks: tuple[int, ...]

    @classmethod
    def of(cls, ranked: Mapping[str, tuple[str, ...]], live: LiveGraph, truth: Truth, ks: tuple[int, ...]) -> _Lists:
        products = [live.products.positions(answer) for answer in ranked.values()]
        hits = np.zeros((len(ranked), max(ks)), np.bool_)
        for row, (customer, answer) in enumerate(ranked.items()):
            hits[row, : len(answer)] = [product in truth[customer] for product in answer]
        wanted = np.array([len(truth[customer]) for customer in ranked], np.int64)
        market = Market.of(live.snapshot.purchases, len(live.products))
        each: dict[str, Figures] = {}
        for k in ks:
            each |= {f"{name}@{k}": metric(hits, wanted, k) for name, metric in METRICS.items()}
            for metric in (novelty, long_tail):
                each[f"{metric.__name__}@{k}"] = np.array([metric(shown[:k], market) for shown in products], np.float64)
        return cls(tuple(ranked), each, products, len(live.products), ks)

    def group(self, some: BoolArray, history: np.ndarray[Any, np.dtype[np.int64]]) -> Group:
        """The people of some rows."""
        rows, together = np.flatnonzero(some).tolist(), dict[str, float]()
        for k in self.ks:
            shown = [np.zeros(0, np.int32), *(self.products[row][:k] for row in rows)]
            exposures = np.bincount(np.concatenate(shown), minlength=self.catalogue)
            together |= {f"coverage@{k}": coverage(exposures), f"gini@{k}": gini(exposures)}
        each = {name: figures[rows] for name, figures in self.each.items()}
        return Group(tuple(self.customers[row] for row in rows), tuple(history[rows].tolist()), each, together)


def candidate_recall(model: Model, live: LiveGraph, truth: Truth) -> float:
    """Which share of the best products of a full scan the candidates hold; 1 if there is nothing to find."""
    customers = asked_of(truth)
    everything, best, held = np.arange(len(live.products), dtype=np.int32), 0, 0
    for customer in customers[:: -(-len(customers) // RECALL_PEOPLE) or 1]:
        query = Query(customer=customer, limit=RECALL_AT)
        viewer = Viewer.of(query, live)
        voices = model.voices(viewer)
        whole = obey(RULES, viewer, query, score(voices, everything))
        whole = whole.take(best_first(whole.score, RECALL_AT))
        served = rank(voices, viewer, query)
        best += len(whole.product)
        held += len(np.intersect1d(whole.product, served.product))
    return held / best if best else 1.0


def _history(live: LiveGraph, customer: str) -> int:
    position = live.customers.position(customer)
    return 0 if position == UNKNOWN else len(Viewer(live, position).history.product)
