"""How good the answers are: the whole catalogue is ranked, through the same path as every request, for people whose
later acts are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.ids import UNKNOWN
from graph.live import LiveGraph
from recommend.metrics import METRICS
from recommend.model import Model
from recommend.query import Query
from recommend.recommender import Recommender, rank, score
from recommend.rules import RULES, obey
from recommend.topk import best_first
from recommend.viewer import Viewer

RECALL_AT = 20
RECALL_PEOPLE = 500
"""The candidates are compared with a full scan at this rank, for this many people."""

Truth = Mapping[str, Set[str]]
"""Customer id to the products they turned to later."""


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes
    ----------
    known, newcomers
        People with a history in the facts, and without: metric name ``name@k`` to mean; ``customers`` says how many.
    candidate_recall
        Which share of the best 20 of a full scan the candidates hold.
    ranked
        Customer id to product ids, best first.
    """

    known: Mapping[str, float]
    newcomers: Mapping[str, float]
    candidate_recall: float
    ranked: Mapping[str, tuple[str, ...]]

    def as_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            **self.known,
            "newcomers": dict(self.newcomers),
            f"candidate_recall@{RECALL_AT}": self.candidate_recall,
        }


def evaluate(
    model: Model,
    live: LiveGraph,
    truth: Truth,
    *,
    ks: tuple[int, ...] = (10, 20),
    progress: Callable[[str, float], None] = lambda step, fraction: None,
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
    recommender, asked = Recommender(model), sorted(customer for customer, wanted in truth.items() if wanted)
    ranked: dict[str, tuple[str, ...]] = {}
    for done, customer in enumerate(asked):
        if done % 100 == 0:
            progress("evaluating", done / len(asked))
        ranked[customer] = recommender.rank(Query(customer=customer, limit=max(ks)), live)
    found = candidate_recall(model, live, asked[:: -(-len(asked) // RECALL_PEOPLE) or 1])
    progress("evaluating", 1.0)
    new = {customer for customer in asked if not _has_history(live, customer)}
    known = [customer for customer in asked if customer not in new]
    known_figures, new_figures = (
        figures({one: ranked[one] for one in people}, truth, len(live.products), ks) for people in (known, sorted(new))
    )
    return Report(known_figures, new_figures, found, ranked)


def figures(
    ranked: Mapping[str, tuple[str, ...]], truth: Truth, products: int, ks: tuple[int, ...]
) -> dict[str, float]:
    """Means over people, ``coverage`` being the share of the catalogue's ``products`` in their lists; 0 for nobody."""
    hits = np.zeros((len(ranked), max(ks)), np.bool_)
    for row, (customer, answer) in enumerate(ranked.items()):
        hits[row, : len(answer)] = [product in truth[customer] for product in answer]
    wanted = np.array([len(truth[customer]) for customer in ranked], np.int64)
    found = {"customers": float(len(ranked))}
    for k in ks:
        for name, metric in METRICS.items():
            found[f"{name}@{k}"] = float(metric(hits, wanted, k).mean()) if ranked else 0.0
        shown = {product for answer in ranked.values() for product in answer[:k]}
        found[f"coverage@{k}"] = len(shown) / max(products, 1)
    return found


def candidate_recall(model: Model, live: LiveGraph, customers: Iterable[str]) -> float:
    """Which share of the best products of a full scan the candidates hold; 1 if there is nothing to find."""
    everything, best, held = np.arange(len(live.products), dtype=np.int32), 0, 0
    for customer in customers:
        query = Query(customer=customer, limit=RECALL_AT)
        viewer = Viewer.of(query, live)
        voices = model.voices(viewer)
        whole = obey(RULES, viewer, query, score(voices, everything))
        whole = whole.take(best_first(whole.score, RECALL_AT))
        served = rank(voices, viewer, query)
        best += len(whole.product)
        held += len(np.intersect1d(whole.product, served.product))
    return held / best if best else 1.0


def _has_history(live: LiveGraph, customer: str) -> bool:
    position = live.customers.position(customer)
    return position != UNKNOWN and len(Viewer(live, position).history.product) > 0
