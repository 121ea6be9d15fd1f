"""The figures, by hand."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest

from recommend.metrics import METRICS

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
