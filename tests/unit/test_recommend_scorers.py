"""Each scorer by hand, on worlds small enough to reckon with."""

from __future__ import annotations

from dataclasses import replace
from math import log1p, log2, sqrt

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.evidence import UNRESTRICTED, EvidenceRules
from graph.live import LiveGraph
from graph.moments import DAY
from graph.records import PURPOSES, Friendship, Record, Return
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorers import items
from recommend.scorers.als import Als
from recommend.scorers.friends import Friends
from recommend.scorers.friends_taste import FriendsTaste, shown_by_contributors, tie_weights
from recommend.scorers.items import ItemModel, solved
from recommend.scorers.popular import Popular, Trending
from recommend.scorers.similar import Similar
from recommend.scores import spread_of
from recommend.viewer import Viewer
from tests.worlds import FAST, NOW, OLD, agrees, bought, happens, likes, live_of, open_live, two_circles

OPTIONS = TrainingOptions(min_support=2, shrinkage=0.0, factors=4)


def viewer(live: LiveGraph, who: str, **more: object) -> Viewer:
    return Viewer(live, live.customers.position(who), **more)  # type: ignore[arg-type]


def together(*baskets: str) -> list[Record]:
    """One person per basket, one letter per product."""
    return [bought(f"c{place}", letter) for place, basket in enumerate(baskets) for letter in basket]


# ---- similar


def similar(facts: list[Record], **options: float) -> tuple[Similar, LiveGraph]:
    live, scorer = live_of(facts), Similar()
    scorer.fit(TrainingData.of(live), replace(OPTIONS, **options))  # type: ignore[arg-type]
    return scorer, live


def near(scorer: Similar, live: LiveGraph, product: str) -> dict[str, float]:
    found, likeness = scorer.to(live.products.position(product))
    return dict(zip(live.products.names(found.tolist()), likeness.tolist(), strict=True))


def test_likeness_is_the_cosine_of_who_bought() -> None:
    scorer, live = similar(together("ab", "ab", "abc", "a", "c"))
    assert near(scorer, live, "a") == pytest.approx({"b": 3 / sqrt(4 * 3)})
    assert near(scorer, live, "c") == {}


def test_pairs_that_few_people_bought_are_left_out() -> None:
    scorer, live = similar(together("ab", "ab", "ac"), min_support=2)
    assert set(near(scorer, live, "a")) == {"b"}
    scorer, live = similar(together("ab", "ab", "ac"), min_support=1)
    assert set(near(scorer, live, "a")) == {"b", "c"}


def test_a_likeness_that_few_people_stand_behind_is_damped() -> None:
    scorer, live = similar(together("ab", "ab"), shrinkage=2.0)
    assert near(scorer, live, "a") == pytest.approx({"b": 2 / (2 + 2)})


def test_only_the_nearest_are_kept_and_equal_ones_by_position() -> None:
    scorer, live = similar(together("abcd", "abcd", "ab"), neighbours=2)
    assert list(near(scorer, live, "a")) == ["b", "c"]


def test_many_products_are_worked_through_in_parts() -> None:
    rng = np.random.default_rng(0)
    facts = [bought(f"c{i}", f"p{p:04d}") for i in range(300) for p in rng.choice(1200, 12, replace=False).tolist()]
    scorer, live = similar(facts, min_support=1, neighbours=10_000)
    fans = TrainingData.of(live).fans.toarray()
    norms = np.linalg.norm(fans, axis=0)
    cosine = fans.T @ fans / np.outer(norms, norms)
    np.fill_diagonal(cosine, 0)
    np.testing.assert_allclose(scorer.matrix.toarray(), cosine, atol=1e-6)


def test_the_score_is_the_sum_over_what_a_person_has_less_what_they_dislike() -> None:
    facts = [
        *together("ax", "ax", "bx", "bx", "cx", "cx"),
        bought("me", "a"),
        bought("me", "b"),
        likes("me", "c", "dislike"),
    ]
    scorer, live = similar(facts)
    scores = scorer.scores(viewer(live, "me"))
    assert scores is not None
    likeness = {letter: near(scorer, live, letter)["x"] for letter in "abc"}
    found = scores.at(live.products.positions(["x"]))[0]
    assert found == pytest.approx(likeness["a"] + likeness["b"] - likeness["c"])


def test_the_main_cause_is_the_product_that_adds_most() -> None:
    scorer, live = similar([*together("ax", "ax", "bx", "bx", "b", "b"), bought("me", "a"), bought("me", "b")])
    scores = scorer.scores(viewer(live, "me"))
    assert scores is not None
    assert live.products[scores.main_causes(live.products.positions(["x"]))[0]] == "a"


def test_what_is_on_the_page_counts_as_much_as_the_history() -> None:
    facts = [*together("ax", "ax", "by", "by"), bought("me", "a")]
    scorer, live = similar(facts)
    scores = scorer.scores(viewer(live, "me", context=live.products.positions(["b"])))
    assert scores is not None
    x, y = scores.at(live.products.positions(["x", "y"])).tolist()
    assert (x, y) == pytest.approx((near(scorer, live, "a")["x"], near(scorer, live, "b")["y"]))


def test_a_product_without_neighbours_says_nothing() -> None:
    scorer, live = similar([*together("ab", "ab"), bought("me", "z")])
    assert scorer.scores(viewer(live, "me")) is None
    assert scorer.to(99)[0].tolist() == []


# ---- popular, trending


def test_popularity_counts_people_not_purchases() -> None:
    live, scorer = live_of([bought("a", "p", 1), bought("a", "p", 2), bought("b", "p"), likes("c", "q")]), Popular()
    scorer.fit(TrainingData.of(live), OPTIONS)
    assert scorer.table.score.tolist() == pytest.approx([log1p(2), log1p(1)])


def test_returned_and_disliked_products_are_not_popular() -> None:
    facts = [bought("a", "p"), Return(id="r", customer="a", product="p", reason="refund", at=NOW)]
    live, scorer = live_of([*facts, bought("b", "p"), likes("b", "p", "dislike")]), Popular()
    scorer.fit(TrainingData.of(live), OPTIONS)
    assert scorer.table.score.tolist() == [0]


def test_a_purchase_counts_half_after_each_half_life_and_each_person_once() -> None:
    half = OPTIONS.half_life
    facts = [bought("a", "p", NOW), bought("b", "p", NOW - half), bought("c", "p", NOW - 2 * half)]
    facts += [
        bought("c", "p", NOW - 9 * half),
        bought("a", "rare", NOW),
        bought("a", "q", None),
        bought("b", "q", None),
    ]
    live, scorer = live_of(facts), Trending()
    scorer.fit(TrainingData.of(live), OPTIONS)
    found = dict(zip(live.products.names(range(3)), scorer.table.score.tolist(), strict=True))
    assert found == pytest.approx({"p": log1p(1 + 1 / 2 + 1 / 4), "rare": 0, "q": 0})


def test_a_purchase_of_tomorrow_counts_as_one_of_now() -> None:
    live, scorer = live_of([bought("a", "p", NOW + DAY), bought("b", "p", NOW)]), Trending()
    scorer.fit(TrainingData.of(live), OPTIONS)
    assert scorer.table.score.tolist() == pytest.approx([log1p(2)])


# ---- friends


def test_friends_score_what_the_label_may_say_and_nothing_else() -> None:
    live, scorer = live_of(two_circles()), Friends()
    scorer.fit(TrainingData.of(live), FAST)
    for person in range(0, 60, 5):
        asked = Viewer(live, person)
        scores = scorer.scores(asked)
        assert scores is not None
        everything = np.arange(60, dtype=np.int32)
        wanted = np.zeros(60)
        wanted[asked.evidence.product] = np.log1p(asked.evidence.named + asked.evidence.count)
        np.testing.assert_allclose(scores.at(everything), wanted, rtol=1e-6)


def test_one_product_of_friends_weighs_the_same_for_whoever_sees_few_or_many() -> None:
    live, scorer = live_of(two_circles()), Friends()
    scorer.fit(TrainingData.of(live), FAST)
    deviations = {scores.spread[1] for scores in map(scorer.scores, (Viewer(live, i) for i in range(9))) if scores}
    assert len(deviations) == 1


def test_the_spread_of_a_few_scores_counts_the_zeros_of_all_others() -> None:
    assert spread_of(np.array([1, 3], np.float32), 8) == pytest.approx((0.5, np.std([1, 3, 0, 0, 0, 0, 0, 0])))
    assert spread_of(np.zeros(0, np.float32), 0) == (0, 0)


# ---- the taste of friends


def passing_on(live: LiveGraph, **options: object) -> FriendsTaste:
    scorer = FriendsTaste()
    scorer.fit(TrainingData.of(live), replace(FAST, **options))  # type: ignore[arg-type]
    return scorer


def ties_of(live: LiveGraph, least: int = 1) -> NDArray[np.float32]:
    data = TrainingData.of(live)
    ties: NDArray[np.float32] = tie_weights(data, shown_by_contributors(data), least).toarray()
    return ties


def test_a_friendship_weighs_by_the_number_of_friends_of_both() -> None:
    live = open_live([*together("a", "b", "c", "d"), *(Friendship.between("c0", f"c{i}") for i in (1, 2, 3))])
    np.testing.assert_allclose(ties_of(live)[0], [0, *[1 / sqrt(3 * 1)] * 3], rtol=1e-6)
    np.testing.assert_allclose(ties_of(live)[1], [1 / sqrt(3 * 1), 0, 0, 0], rtol=1e-6)


def test_the_scores_are_those_of_the_regression_solved_whole() -> None:
    live = open_live(two_circles())
    scorer, data = passing_on(live, circle_factors=60, circle_penalty=3.0), TrainingData.of(live)
    shown, ties = shown_by_contributors(data).toarray(), ties_of(live)
    seen = ties @ (shown + ties @ shown)
    weights = np.linalg.solve(seen.T @ seen + 3.0 * np.eye(60), seen.T @ data.fans.toarray())
    wanted, everything = seen @ weights, np.arange(60, dtype=np.int32)
    for person in (0, 5, 59, live.customers.position("newcomer")):
        scores = scorer.scores(Viewer(live, person))
        assert scores is not None
        found = scores.at(everything)
        scale = ties[person].sum()  # a viewer's friends weigh 1 in all: on which scale does not matter
        np.testing.assert_allclose(found * scale, wanted[person], atol=2e-4)


def test_friends_of_friends_are_reached_and_nobody_beyond() -> None:
    facts = [*together("a", "b", "c", "d"), *(Friendship.between(f"c{i}", f"c{i + 1}") for i in range(3))]
    live = open_live(facts)
    ties, shown = ties_of(live), shown_by_contributors(TrainingData.of(live)).toarray()
    seen = ties @ (shown + ties @ shown)
    assert live.products.names(np.flatnonzero(seen[0]).tolist()) == ["a", "b", "c"]


def test_no_friend_weighs_more_than_one_of_the_least_number() -> None:
    facts = [*together("a", "b", "b", "b"), *(Friendship.between("c0", f"c{i}", OLD) for i in (1, 2, 3))]
    others = [*(f"d{i}" for i in range(99)), "e0", "e1"]
    facts += [bought(one, "z") for one in others]
    facts += [Friendship.between(one, other, OLD) for one in ("c2", "c3") for other in others[:99]]
    facts += [Friendship.between("c1", other, OLD) for other in ("e0", "e1")]
    live = live_of([*facts, *(agrees(one, "social_proof") for one in (*others, "c0", "c1", "c2", "c3"))])
    free = np.array([1 / sqrt(3 * 3), 1 / sqrt(3 * 100), 1 / sqrt(3 * 100)])
    row = ties_of(live, least=3)[live.customers.position("c0")]
    found = row[live.customers.positions(["c1", "c2", "c3"])]
    np.testing.assert_allclose(found, np.minimum(free, free.sum() / 3), rtol=1e-5)
    assert found[0] < free[0]


@pytest.mark.parametrize(("friends", "enough"), [(2, False), (3, True)])
def test_an_aggregate_needs_the_least_number_of_friends(friends: int, enough: bool) -> None:
    facts = [*together("a", "b", "b", "b"), *(Friendship.between("c0", f"c{i}", OLD) for i in range(1, friends + 1))]
    live = live_of([*facts, *(agrees(f"c{i}", "social_proof") for i in range(5))])
    assert (passing_on(live).scores(Viewer(live, 0)) is not None) == enough


def test_an_aggregate_that_loses_a_friend_below_the_least_number_is_gone_at_once() -> None:
    facts = [*together("a", "b", "b", "b"), *(Friendship.between("c0", f"c{i}", OLD) for i in range(1, 4))]
    live = live_of([*facts, *(agrees(f"c{i}", "social_proof") for i in range(5))])
    scorer = passing_on(live)
    assert scorer.scores(Viewer(live, 0)) is not None
    happens(live, agrees("c2", "social_proof", granted=False, at=NOW))
    assert scorer.scores(Viewer(live, 0)) is None


def test_an_event_of_a_friend_does_not_move_the_aggregate() -> None:
    live = open_live(two_circles())
    scorer, everything = passing_on(live), np.arange(60, dtype=np.int32)
    before = scorer.scores(Viewer(live, 0))
    happens(live, *(bought("c002", f"p{i:03d}", NOW) for i in range(1, 40, 2)))
    after = scorer.scores(Viewer(live, 0))
    assert before is not None and after is not None
    assert before.at(everything).tolist() == after.at(everything).tolist()


@pytest.mark.parametrize("purpose", ["social_proof", "personalisation"])
def test_only_contributors_who_are_modelled_pass_anything_on(purpose: str) -> None:
    facts = [*together("a", "b", "b"), *(Friendship.between("c0", f"c{i}", OLD) for i in range(1, 3))]
    live = live_of([*facts, agrees("c1", purpose, granted=False)], UNRESTRICTED, PURPOSES)  # type: ignore[arg-type]
    assert np.flatnonzero(ties_of(live)[0]).tolist() == [2]


def test_private_sensitive_and_new_purchases_do_not_pass_on() -> None:
    facts = [*together("a"), *(Friendship.between("c0", f"c{i}", OLD) for i in range(1, 4))]
    for who in ("c1", "c2", "c3"):
        facts += [agrees(who, "social_proof"), bought(who, "old"), bought(who, "new", NOW - 3600)]
        facts += [bought(who, "hidden", visibility="private"), bought(who, "present", gift=True)]
    live = live_of(facts, EvidenceRules())
    shown = shown_by_contributors(TrainingData.of(live))
    assert set(live.products.names(shown.indices.tolist())) == {"old"}


# ---- the item model


def item_model(live: LiveGraph, **options: object) -> ItemModel:
    scorer = ItemModel()
    scorer.fit(TrainingData.of(live), replace(FAST, **options))  # type: ignore[arg-type]
    return scorer


def ridge(histories: NDArray[np.float32], penalty: float) -> NDArray[np.float64]:
    """Each product regressed on all others, one after the other."""
    weights = np.zeros((histories.shape[1], histories.shape[1]))
    for target in range(len(weights)):
        others = np.flatnonzero(np.arange(len(weights)) != target)
        some = histories[:, others].astype(np.float64)
        normal = some.T @ some + penalty * np.eye(len(others))
        weights[others, target] = np.linalg.solve(normal, some.T @ histories[:, target])
    return weights


@pytest.mark.parametrize("shape", [(12, 40), (40, 12)], ids=["more products", "more people"])
def test_the_item_model_is_the_ridge_regression_of_each_product_on_all_others(shape: tuple[int, int]) -> None:
    histories = (np.random.default_rng(5).random(shape) < 0.3).astype(np.float32)
    found = solved(sp.csr_matrix(histories), 4.0)(0, shape[1])
    np.testing.assert_allclose(found, ridge(histories, 4.0), atol=1e-4)


def test_what_is_published_are_the_greatest_weights_of_each_row() -> None:
    live = open_live(two_circles())
    whole, narrow = item_model(live, item_width=1000), item_model(live, item_width=7)
    dense = whole.matrix.toarray()
    for row in range(60):
        kept = narrow.matrix[row]
        assert kept.nnz <= 7
        assert set(kept.indices.tolist()) == set(np.argsort(-np.abs(dense[row]))[: kept.nnz].tolist())
    assert (whole.narrowed(7).matrix != narrow.matrix).nnz == 0


def test_a_product_of_one_person_takes_no_part() -> None:
    live = open_live([*two_circles(), bought("c000", "only-mine")])
    matrix, mine = item_model(live).matrix, live.products.position("only-mine")
    assert matrix[mine].nnz == matrix[:, mine].nnz == 0


def test_too_much_to_be_solved_whole_is_solved_for_what_most_people_bought(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "LARGEST", 20)
    live = open_live(two_circles())
    matrix, buyers = item_model(live).matrix, TrainingData.of(live).buyers
    taking_part = set(matrix.indices.tolist())
    assert len(taking_part) <= 20
    assert min(buyers[list(taking_part)]) >= np.sort(buyers)[-20]


def test_old_interests_weigh_less_where_recency_counts() -> None:
    facts = [*two_circles(), bought("me", "p000", NOW), bought("me", "p001", NOW - 300 * DAY)]
    live = open_live(facts)
    ages = {}
    for half_life in (None, 30 * DAY):
        scores = item_model(live, recency=half_life).scores(viewer(live, "me"))
        assert scores is not None
        ages[half_life] = {cause: np.abs(scores.part[scores.cause == cause]).sum() for cause in (0, 1)}
    assert ages[30 * DAY][0] == pytest.approx(ages[None][0])
    assert ages[30 * DAY][1] == pytest.approx(ages[None][1] * (0.2 + 0.8 * 2**-10), rel=1e-4)


# ---- als


def test_strength_is_measured_in_what_is_usual_for_the_data() -> None:
    plays = [replace(fact, weight=500.0) if hasattr(fact, "gift") else fact for fact in two_circles()]
    once, often = open_live(two_circles()), open_live(plays)
    scorers = []
    for live in (once, often):
        scorers.append(Als())
        scorers[-1].fit(TrainingData.of(live), FAST)
    np.testing.assert_allclose(scorers[0]._own, scorers[1]._own, atol=1e-4)
    np.testing.assert_allclose(scorers[0]._worth, scorers[1]._worth * log2(501), rtol=1e-5)


def test_what_everybody_has_says_less_of_a_taste() -> None:
    live = open_live([*(bought(f"c{i}", "all") for i in range(9)), bought("c0", "rare"), bought("c1", "rare")])
    als = Als()
    als.fit(TrainingData.of(live), replace(FAST, damping=0.5))
    known, rare = als._worth[live.products.positions(["all", "rare"])].tolist()
    assert known / rare == pytest.approx(sqrt(2) / sqrt(9))
