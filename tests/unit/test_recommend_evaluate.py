"""What is evaluated is what serves."""

from __future__ import annotations

import json

import pytest

from graph.records import Customer, Friendship
from recommend.evaluate import evaluate
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
    assert report.known["customers"] == 2
    assert report.known["recall@10"] == pytest.approx((hits["c004"] / 3 + hits["c005"] / 2) / 2)
    assert report.known["precision@10"] == pytest.approx((hits["c004"] + hits["c005"]) / 20)
    assert report.newcomers["customers"] == 2
    assert report.newcomers["hit_rate@10"] == (hits["newcomer"] + hits["nobody"]) / 2
    shown = {one for who in ("c004", "c005") for one in report.ranked[who]}
    assert report.known["coverage@10"] == len(shown) / 60


def test_the_report_is_plain_data() -> None:
    report = evaluate(circles_model(), live_of(two_circles()), TRUTH)
    told = json.loads(json.dumps(report.as_dict()))
    assert {
        "recall@10",
        "recall@20",
        "ndcg@20",
        "map@20",
        "mrr@10",
        "hit_rate@10",
        "precision@20",
        "coverage@20",
    } <= set(told)
    assert told["candidate_recall@20"] == 1
    assert told["newcomers"]["customers"] == 2


def test_nobody_to_ask_is_no_error() -> None:
    report = evaluate(circles_model(), live_of(two_circles()), {})
    assert report.known["customers"] == report.newcomers["customers"] == 0
    assert report.candidate_recall == 1


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
