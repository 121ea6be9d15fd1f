"""What is evaluated is what serves."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from math import log2

import numpy as np
import pytest

from graph.records import Customer, Friendship
from recommend.ablate import only
from recommend.evaluate import candidate_recall, evaluate
from recommend.metrics import gini
from recommend.query import Query
from recommend.recommender import Recommender
from tests.worlds import OLD, ask, bought, circles_model, ids, live_of, open_live, product, two_circles

TRUTH = {
    "c004": {"p000", "p002", "p058"},
    "c005": {"p001", "never seen"},
    "newcomer": {"p004"},
    "nobody": {"p000"},
    "c006": set(),
}


def test_the_lists_are_the_answers_of_the_recommender() -> None:
    live, model = live_of(two_circles()), circles_model()
    report = evaluate(model, live, TRUTH, ks=(5, 10))
    assert list(report.ranked) == ["c004", "c005", "newcomer", "nobody"]
    for who, ranked in report.ranked.items():
        assert list(ranked) == ids(ask(model, live, who, limit=10).items)


def test_the_figures_by_hand() -> None:
    live, model = live_of(two_circles()), circles_model()
    report = evaluate(model, live, TRUTH, ks=(10,))
    hits = {who: sum(one in TRUTH[who] for one in ranked) for who, ranked in report.ranked.items()}
    known, newcomers = report.known.figures, report.newcomers.figures
    assert known["customers"] == 2
    assert known["recall@10"] == pytest.approx((hits["c004"] / 3 + hits["c005"] / 2) / 2)
    assert known["precision@10"] == pytest.approx((hits["c004"] + hits["c005"]) / 20)
    assert newcomers["customers"] == 2
    assert newcomers["hit_rate@10"] == (hits["newcomer"] + hits["nobody"]) / 2
    shown = {one for who in ("c004", "c005") for one in report.ranked[who]}
    assert known["coverage@10"] == len(shown) / 60


def test_novelty_and_long_tail_look_at_the_lists_that_were_shown() -> None:
    live, model = live_of(two_circles()), circles_model()
    report = evaluate(model, live, TRUTH, ks=(3,))
    buyers = dict.fromkeys(live.products.names(range(60)), 0)
    for product_position in live.snapshot.purchases.product.tolist():
        buyers[live.products[product_position]] += 1
    shown = report.ranked["c004"]
    assert report.everybody.each["novelty@3"][0] == pytest.approx(
        sum(log2(60 / max(buyers[one], 1)) for one in shown) / 3
    )
    exposures = Counter(one for who in ("c004", "c005") for one in report.ranked[who])
    spread = gini(np.array([exposures[name] for name in buyers]))
    assert report.known.figures["gini@3"] == spread >= 0.9


def test_slices_are_by_the_length_of_the_history() -> None:
    facts = [*two_circles(), bought("short", "p000"), bought("long", "p001")]
    facts += [bought("long", product(i)) for i in range(2, 23)]
    live = live_of(facts)
    truth = {"c004": {"p059"}, "short": {"p002"}, "long": {"p030"}, "newcomer": {"p004"}, "nobody": {"p001"}}
    report = evaluate(circles_model().aligned(live.snapshot), live, truth)
    assert {name: group.customers for name, group in report.slices.items()} == {
        "newcomers": ("newcomer", "nobody"),
        "1-5": ("short",),
        "6-20": ("c004",),
        "21+": ("long",),
    }
    assert report.known.customers == ("c004", "long", "short")
    assert report.known.history == (10, 22, 1)
    assert report.slice_of == ("6-20", "21+", "newcomers", "newcomers", "1-5")


def test_the_report_is_plain_data() -> None:
    report = evaluate(circles_model(), live_of(two_circles()), TRUTH)
    told = json.loads(json.dumps(report.as_dict(seed=1)))
    shares = ("recall", "ndcg", "map", "mrr", "hit_rate", "precision", "coverage", "gini", "novelty", "long_tail")
    assert {f"{name}@{k}" for name in shares for k in (10, 20)} <= set(told)
    assert told["newcomers"]["customers"] == 2
    assert [*told["slices"]] == ["1-5", "6-20", "21+"]
    lower, upper = told["intervals"]["ndcg@20"]
    assert lower <= told["ndcg@20"] <= upper
    assert "coverage@20" not in told["intervals"]
    assert told == json.loads(json.dumps(report.as_dict(seed=1)))


def test_of_one_person_there_is_a_figure_and_no_interval() -> None:
    report = evaluate(circles_model(), live_of(two_circles()), {"c004": {"p000"}})
    assert report.known.figures["customers"] == 1
    assert report.known.intervals(1) == report.known.less(report.known, 1) == {}


def test_nobody_to_ask_is_no_error() -> None:
    live = live_of(two_circles())
    report = evaluate(circles_model(), live, {"c004": set()})
    assert report.known.figures["customers"] == report.newcomers.figures["customers"] == 0
    assert set(report.everybody.figures.values()) == {0}
    assert candidate_recall(circles_model(), live, {}) == 1


def test_the_candidates_hold_what_a_full_scan_finds() -> None:
    assert candidate_recall(circles_model(), live_of(two_circles()), TRUTH) == 1


def test_a_model_is_compared_with_another_person_by_person() -> None:
    live, model = live_of(two_circles()), circles_model()
    truth = {f"c{i:03d}": {product(i % 2), product(i % 2 + 2)} for i in range(40)}
    one, other = (evaluate(each, live, truth) for each in (model, replace(model, blend=only("popular"))))
    gain = one.known.less(other.known, seed=1)["ndcg@20"]
    assert gain.mean == pytest.approx(one.known.figures["ndcg@20"] - other.known.figures["ndcg@20"])
    assert gain.lower <= gain.mean <= gain.upper


def test_progress_reaches_the_end() -> None:
    told: list[float] = []
    evaluate(circles_model(), live_of(two_circles()), TRUTH, progress=lambda step, fraction: told.append(fraction))
    assert told[0] == 0 and told[-1] == 1


def test_nothing_that_somebody_owns_is_ranked_for_them() -> None:
    live = open_live([*two_circles(), Customer(id="keen"), Friendship.between("keen", "c000", OLD)])
    recommender = Recommender(circles_model().aligned(live.snapshot))
    for who in live.customers.names(range(0, len(live.customers), 9)):
        owned = set(live.products.names(live.owned(live.customers.position(who)).tolist()))
        assert not owned & set(recommender.rank(Query(customer=who, limit=100), live))


def test_somebody_who_owns_everything_gets_nothing() -> None:
    facts = [*two_circles(), *(bought("glutton", product(i)) for i in range(60))]
    live = live_of(facts)
    assert Recommender(circles_model().aligned(live.snapshot)).rank(Query(customer="glutton"), live) == ()
