"""The benchmark of quality: who becomes a newcomer, and how sure a ratio is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality import PARTS, SPLITS, ratio_interval, strip
from engine.evaluation import Split
from tests.worlds import live_of, two_circles


def test_newcomers_lose_all_purchases_keep_their_friends_and_want_everything() -> None:
    snapshot = live_of(two_circles()).snapshot
    split = Split(snapshot, {f"c{i:03d}": {"p059", "new"} for i in range(40)}, "file", None, 0, ())
    rest, truth = strip(split, np.random.default_rng(1))
    assert len(truth) == 4
    for place, customer in enumerate(snapshot.customers.names(range(len(snapshot.customers)))):
        before = snapshot.products.names(snapshot.purchases.of(place).product.tolist())
        after = rest.products.names(rest.purchases.of(place).product.tolist())
        assert after == ([] if customer in truth else before)
        assert customer not in truth or truth[customer] == {"p059", "new", *before}
    assert rest.ties is snapshot.ties


def test_the_interval_of_a_ratio_holds_it_and_has_no_width_where_all_are_alike() -> None:
    rng = np.random.default_rng(3)
    theirs = rng.random(300) + 0.5
    low, high = ratio_interval(theirs * 1.3 + rng.normal(0, 0.1, 300), theirs)
    assert low < 1.3 < high < low + 0.1
    assert ratio_interval(2 * theirs, theirs) == pytest.approx((2, 2))


def test_each_part_can_be_asked_for_alone_and_published_figures_are_shares() -> None:
    assert [*PARTS] == ["main", "newcomers", "rewired"]
    for benchmark in SPLITS:
        assert benchmark.asked == 0
        assert all(figure is None or 0 < figure < 1 for row in benchmark.published for figure in row.figures)
