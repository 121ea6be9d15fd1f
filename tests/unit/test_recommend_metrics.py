"""The figures, by hand."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
import pytrec_eval

from graph.freeze import freeze
from graph.records import Return
from graph.stores.memory import MemoryStore
from recommend.metrics import METRICS, Market, coverage, gini, long_tail, novelty
from tests.worlds import NOW, OLD, bought

HITS = np.array([[False, True, True, False], [False, False, False, False]])
WANTED = np.array([3, 1])
NDCG = (1 / log2(3) + 1 / log2(4)) / (1 + 1 / log2(3) + 1 / log2(4))


@pytest.mark.parametrize(
    ("name", "k", "first"),
    [
        ("precision", 4, 2 / 4),
        ("recall", 4, 2 / 3),
        ("ndcg", 4, NDCG),
        ("ndcg", 1, 0),
        ("ndcg", 2, (1 / log2(3)) / (1 + 1 / log2(3))),
        ("hit_rate", 1, 0),
        ("hit_rate", 2, 1),
        ("mrr", 4, 1 / 2),
        ("mrr", 1, 0),
        ("map", 4, (1 / 2 + 2 / 3) / 3),
        ("map", 2, (1 / 2) / 2),
    ],
)
def test_a_metric_by_hand(name: str, k: int, first: float) -> None:
    assert METRICS[name](HITS, WANTED, k).tolist() == pytest.approx([first, 0])


@pytest.mark.parametrize("name", METRICS)
def test_a_list_of_nothing_but_wanted_products_is_perfect(name: str) -> None:
    assert METRICS[name](np.ones((1, 5), np.bool_), np.array([5]), 5).tolist() == [1]


@pytest.mark.parametrize("name", METRICS)
def test_an_empty_list_finds_nothing(name: str) -> None:
    assert METRICS[name](np.zeros((2, 0), np.bool_), WANTED, 5).tolist() == [0, 0]


def test_more_wanted_products_than_ranks_can_still_be_perfect() -> None:
    assert METRICS["ndcg"](np.ones((1, 2), np.bool_), np.array([50]), 2).tolist() == [1]


MARKET = Market(np.array([8, 4, 2, 1, 0]), people=16)
"""Fifteen purchases: the first two products hold 12 of them, which is 80 %."""


def test_novelty_by_hand() -> None:
    assert novelty(np.array([0, 1]), MARKET) == pytest.approx((log2(16 / 8) + log2(16 / 4)) / 2)
    assert novelty(np.array([3, 4]), MARKET) == log2(16)  # what nobody bought counts as bought once
    assert novelty(np.array([], np.int32), MARKET) == 0


def test_what_everybody_has_is_no_news() -> None:
    assert novelty(np.array([0]), Market(np.array([7]), people=7)) == 0


def test_the_tail_is_what_the_fewest_best_sellers_leave() -> None:
    assert MARKET.tail.tolist() == [False, False, True, True, True]
    assert long_tail(np.array([0, 2, 4]), MARKET) == pytest.approx(2 / 3)
    assert long_tail(np.array([], np.int32), MARKET) == 0


def test_a_market_without_purchases_has_no_head() -> None:
    nothing = Market(np.zeros(3, np.int64), people=0)
    assert nothing.tail.all()
    assert novelty(np.array([1]), nothing) == 0


def test_a_market_counts_people_not_purchases_and_nothing_that_was_returned() -> None:
    store = MemoryStore()
    store.write([bought("a", "p"), bought("a", "p", OLD + 1), bought("b", "p"), bought("b", "q"), bought("c", "q")])
    store.write([Return(id="r", customer="c", product="q", at=OLD + 5, reason="refund")])
    snapshot = freeze(store, now=NOW)
    market = Market.of(snapshot.purchases, 3)
    assert (market.buyers.tolist(), market.people) == ([2, 1, 0], 2)


def test_coverage_and_gini_by_hand() -> None:
    assert coverage(np.array([0, 3, 1, 0])) == 0.5
    assert gini(np.array([0, 0, 1, 3])) == pytest.approx(1 - 2 * (0.5 * 0.25 * 0.25 + 0.25 * (0.25 + 1) / 2))
    assert gini(np.array([2, 2, 2])) == 0
    assert gini(np.array([0, 0, 0, 5])) == 1 - 1 / 4
    assert (gini(np.zeros(3, np.int64)), coverage(np.zeros(3, np.int64)), coverage(np.zeros(0, np.int64))) == (0, 0, 0)


def test_the_figures_are_those_of_trec_eval() -> None:
    """The reference of the field, on random lists; its MAP divides by all that was wanted, ours by what a list can hold."""
    rng = np.random.default_rng(5)
    wanted = rng.integers(1, 30, 300)
    hits = rng.random((300, 20)) < 0.2
    hits &= np.cumsum(hits, 1) <= wanted[:, None]
    qrels = {str(i): {f"{i} {place}": 1 for place in range(many)} for i, many in enumerate(wanted.tolist())}
    runs = {}
    for i, row in enumerate(hits):
        good = iter(qrels[str(i)])
        runs[str(i)] = {next(good) if hit else f"other {rank}": float(20 - rank) for rank, hit in enumerate(row)}
    theirs = pytrec_eval.RelevanceEvaluator(
        qrels, {"recall.10,20", "P.10,20", "ndcg_cut.10,20", "success.10,20", "recip_rank", "map_cut.10,20"}
    ).evaluate(runs)
    names = {"recall": "recall", "precision": "P", "ndcg": "ndcg_cut", "hit_rate": "success", "map": "map_cut"}
    for k in (10, 20):
        for ours, name in names.items():
            reference = np.array([theirs[str(i)][f"{name}_{k}"] for i in range(300)])
            if ours == "map":
                reference *= wanted / np.minimum(wanted, k)
            np.testing.assert_allclose(METRICS[ours](hits, wanted, k), reference, atol=1e-12)
    reciprocal = [theirs[str(i)]["recip_rank"] for i in range(300)]
    np.testing.assert_allclose(METRICS["mrr"](hits, wanted, 20), reciprocal, atol=1e-12)
