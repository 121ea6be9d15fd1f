"""Each scorer by hand, on worlds small enough to reckon with."""

from __future__ import annotations

from dataclasses import replace
from math import log1p, log2, sqrt

import numpy as np
import pytest
import scipy.sparse as sp

from graph.evidence import UNRESTRICTED, EvidenceRules
from graph.live import LiveGraph
from graph.moments import DAY
from graph.records import PURPOSES, Friendship, Record, Return
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.scorers.als import Als
from recommend.scorers.friend_taste import TIE_FLOOR, FriendTaste, tie_weights
from recommend.scorers.friends import Friends
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
    np.testing.assert_allclose(scorer._matrix.toarray(), cosine, atol=1e-6)


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


def friend_taste(live: LiveGraph, **options: object) -> tuple[FriendTaste, sp.csr_matrix]:
    """With the shown purchases themselves as taste."""
    data, shown = TrainingData.of(live), list[sp.csr_matrix]()

    def solve(rows: sp.csr_matrix) -> np.ndarray:
        shown.append(rows)
        return rows.toarray()

    return FriendTaste.fit(data, solve, replace(FAST, **options)), shown[0]  # type: ignore[arg-type]


def test_ties_weigh_by_shared_purchases_and_sum_to_one() -> None:
    facts = [*together("ab", "ab", "a", "z"), *(Friendship.between("c0", f"c{i}") for i in (1, 2, 3))]
    live = open_live(facts)
    _, shown = friend_taste(live)
    row = tie_weights(TrainingData.of(live), shown, 1)[0].toarray()[0]
    raw = np.array([(2 + TIE_FLOOR) / sqrt(2 * 2), (1 + TIE_FLOOR) / sqrt(2 * 1), TIE_FLOOR / sqrt(2 * 1)])
    np.testing.assert_allclose(row, [0, *(raw / raw.sum())], rtol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_taste_passes_along_as_many_friendships_as_there_are_steps(steps: int) -> None:
    chain = [bought("c0", "a"), bought("c1", "b"), bought("c2", "c"), bought("c3", "d")]
    live = open_live([*chain, *(Friendship.between(f"c{i}", f"c{i + 1}") for i in range(3))])
    taste, _ = friend_taste(live, friend_strength=3.0, friend_steps=steps)
    reached = taste.of(Viewer(live, 0))
    assert reached is not None
    assert set(np.flatnonzero(reached).tolist()) - {0} == set(range(1, steps + 1))


def test_passing_on_follows_its_formula() -> None:
    live = open_live(two_circles())
    taste, shown = friend_taste(live, friend_strength=4.0, friend_steps=3)
    ties, own = taste.ties.toarray(), shown.toarray()
    share = np.where(ties.sum(1) > 0, 4 / (4 + np.maximum((own > 0).sum(1), 1e-9)), 0)[:, None]
    passed = own
    for _ in range(2):
        passed = (1 - share) * own + share * (ties @ passed)
    np.testing.assert_allclose(taste.passed, passed, atol=1e-5)
    np.testing.assert_allclose(taste.of(Viewer(live, 3)), ties[3] @ passed, atol=1e-5)


def test_no_friend_weighs_more_than_one_of_the_least_number() -> None:
    facts = [*together("ab", "ab", "z", "y", "x"), *(Friendship.between("c0", f"c{i}", OLD) for i in range(1, 5))]
    facts += [agrees(f"c{i}", "social_proof") for i in range(5)]
    live = live_of(facts)
    taste, _ = friend_taste(live)
    reached = taste.of(Viewer(live, 0))
    assert reached is not None
    heaviest = reached[live.products.position("b")]
    assert taste.ties[0].max() > 1 / 3
    assert heaviest == pytest.approx(1 / 3)


@pytest.mark.parametrize(("friends", "enough"), [(2, False), (3, True)])
def test_an_aggregate_needs_the_least_number_of_friends(friends: int, enough: bool) -> None:
    facts = [*together("a", "b", "b", "b"), *(Friendship.between("c0", f"c{i}", OLD) for i in range(1, friends + 1))]
    facts += [agrees(f"c{i}", "social_proof") for i in range(5)]
    live = live_of(facts)
    taste, _ = friend_taste(live)
    assert (taste.of(Viewer(live, 0)) is not None) == enough


def test_an_aggregate_that_loses_a_friend_below_the_least_number_is_gone_at_once() -> None:
    facts = [*together("a", "b", "b", "b"), *(Friendship.between("c0", f"c{i}", OLD) for i in range(1, 4))]
    live = live_of([*facts, *(agrees(f"c{i}", "social_proof") for i in range(5))])
    taste, _ = friend_taste(live)
    assert taste.of(Viewer(live, 0)) is not None
    happens(live, agrees("c2", "social_proof", granted=False, at=NOW))
    assert taste.of(Viewer(live, 0)) is None


@pytest.mark.parametrize("purpose", ["social_proof", "personalisation"])
def test_only_contributors_who_are_modelled_pass_anything_on(purpose: str) -> None:
    facts = [*together("a", "b", "b"), *(Friendship.between("c0", f"c{i}", OLD) for i in range(1, 3))]
    live = live_of([*facts, agrees("c1", purpose, granted=False)], UNRESTRICTED, PURPOSES)  # type: ignore[arg-type]
    taste, _ = friend_taste(live)
    assert taste.ties[0].indices.tolist() == [2]


def test_private_sensitive_and_new_purchases_do_not_pass_on() -> None:
    facts = [*together("a"), *(Friendship.between("c0", f"c{i}", OLD) for i in range(1, 4))]
    for who in ("c1", "c2", "c3"):
        facts += [agrees(who, "social_proof"), bought(who, "old"), bought(who, "new", NOW - 3600)]
        facts += [bought(who, "hidden", visibility="private"), bought(who, "present", gift=True)]
    live = live_of(facts, EvidenceRules())
    taste, shown = friend_taste(live)
    assert set(live.products.names(shown.indices.tolist())) == {"old"}
    reached = taste.of(Viewer(live, 0))
    assert reached is not None
    assert live.products.names(np.flatnonzero(reached).tolist()) == ["old"]


def test_the_friends_part_shrinks_with_the_own_history() -> None:
    live = open_live(two_circles())
    taste, _ = friend_taste(live, friend_strength=10.0)
    assert [round(taste.share(amount), 3) for amount in (0, 1, 10, 90)] == [1, round(10 / 11, 3), 0.5, 0.1]
    assert friend_taste(live, friend_strength=0.0)[0].share(5) == 0


# ---- als


def test_strength_is_measured_in_what_is_usual_for_the_data() -> None:
    plays = [replace(fact, weight=500.0) if hasattr(fact, "gift") else fact for fact in two_circles()]
    once, often = open_live(two_circles()), open_live(plays)
    scorers = []
    for live in (once, often):
        scorers.append(Als())
        scorers[-1].fit(TrainingData.of(live), FAST)
    np.testing.assert_allclose(scorers[0]._own, scorers[1]._own, atol=1e-4)
    assert scorers[1]._meta["typical"] == pytest.approx(log2(501))


def test_a_search_for_the_pull_of_friends_needs_no_new_factorisation() -> None:
    live, als = open_live(two_circles()), Als()
    als.fit(TrainingData.of(live), replace(FAST, friend_strength=0.0))
    whole = Als()
    whole.fit(TrainingData.of(live), replace(FAST, friend_strength=7.0, friend_steps=2))
    twin, everything = als.with_friends(7.0, 2), np.arange(60, dtype=np.int32)
    for person in (0, 1, 33):
        one, other = twin.scores(Viewer(live, person)), whole.scores(Viewer(live, person))
        assert one is not None and other is not None
        assert one.at(everything).tolist() == other.at(everything).tolist()
    alone = als.scores(Viewer(live, 0))
    assert alone is not None and not alone.friends.any()
