"""What one person is recommended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph.errors import NotFound
from graph.moments import DAY
from graph.records import Block, Customer, Friendship, Like, Product, Return
from recommend.interest import TrainingData
from recommend.model import Model
from recommend.query import Query
from recommend.recommender import Recommender
from recommend.scorers.blend import Blend
from recommend.scorers.friends_taste import shown_by_contributors
from recommend.train import train
from tests.worlds import (
    FAST,
    NOW,
    OLD,
    agrees,
    ask,
    bought,
    by_product,
    circles_model,
    happens,
    ids,
    likes,
    live_of,
    open_live,
    product,
    reasons_of,
    two_circles,
)

EVEN = {product(i) for i in range(0, 60, 2)}
FRIENDLY = Blend(
    {"taste": 1.0, "items": 0.5, "friends_taste": 0.5, "friends": 1.0, "similar": 0.5, "popular": 0.1},
    {"friends_taste": 1.0, "friends": 1.0, "popular": 0.1},
)


def friendly() -> Model:
    """The model with weights that let every scorer be heard."""
    return replace(circles_model(), blend=FRIENDLY)


def test_people_get_what_their_circle_likes() -> None:
    answer = ask(friendly(), live_of(two_circles()), "c004", limit=10)
    assert len(answer.items) == 10
    assert set(ids(answer.items)) <= EVEN


def test_best_first_and_named() -> None:
    live = live_of(two_circles())
    answer = ask(friendly(), live, "c004", limit=10)
    assert [item.score for item in answer.items] == sorted((item.score for item in answer.items), reverse=True)
    for item in answer.items:
        place = int(item.product[1:])
        assert (item.name, item.price) == (f"Thing {place}", 100 + place)
        assert item.reasons


def test_asking_twice_gives_the_same_answer() -> None:
    assert ask(friendly(), live_of(two_circles()), "c004") == ask(friendly(), live_of(two_circles()), "c004")


def test_the_parts_add_up_to_the_score() -> None:
    live = live_of(two_circles())
    for item in ask(friendly(), live, "c004", explain=True).items:
        assert item.scores is not None
        assert sum(item.scores.values()) == pytest.approx(item.score, abs=1e-4)
        assert item.source in item.scores
    assert all(item.scores is None for item in ask(friendly(), live, "c004").items)


def test_a_purchase_just_made_leaves_the_list_and_moves_the_taste() -> None:
    live = live_of(two_circles())
    before = ask(friendly(), live, "c004", limit=60)
    best = before.items[0].product
    happens(live, bought("c004", best, NOW))
    after = ask(friendly(), live, "c004", limit=60)
    assert best not in by_product(after)
    assert after.dropped["owned"] == before.dropped["owned"] + 1
    strange = [product(i) for i in (1, 3, 5, 7, 9, 11)]
    happens(live, *(bought("c004", one, NOW) for one in strange))
    moved = by_product(ask(friendly(), live, "c004", limit=60))
    odd = [one for one in moved if one not in EVEN]
    assert sum(moved[one].score for one in odd) > sum(by_product(after)[one].score for one in odd)


def test_a_purchase_taken_back_may_be_recommended_again() -> None:
    live = live_of(two_circles())
    best = ask(friendly(), live, "c004").items[0].product
    happens(live, bought("c004", best, NOW))
    happens(live, Return(id="r", customer="c004", product=best, at=NOW + 1, reason="refund"))
    assert best in by_product(ask(friendly(), live, "c004", limit=60))


def test_a_disliked_product_is_never_recommended_and_pushes_its_like_down() -> None:
    live = live_of(two_circles())
    before = by_product(ask(friendly(), live, "c004", limit=60))
    best = next(iter(before))
    happens(live, likes("c004", best, "dislike", NOW))
    after = ask(friendly(), live, "c004", limit=60)
    assert best not in by_product(after)
    assert after.dropped["disliked"] == 1
    assert sum(item.score for item in after.items) < sum(before[one].score for one in by_product(after))
    happens(live, Like(id="again", customer="c004", product=best, at=NOW + 1, opinion="unlike"))
    assert best in by_product(ask(friendly(), live, "c004", limit=60))


def test_a_like_counts_as_interest() -> None:
    live = live_of(two_circles())
    happens(live, *(likes("newcomer", product(i)) for i in (1, 3, 5)))
    answer = ask(friendly(), live, "newcomer", limit=60)
    odd = [item for item in answer.items if item.product not in EVEN]
    assert any("similar_to" in reasons_of(item) for item in odd)
    before = by_product(ask(friendly(), live_of(two_circles()), "newcomer", limit=60))
    assert sum(item.score for item in odd) > sum(before[item.product].score for item in odd)


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (Product(id="p000", available=False), "unavailable"),
        (Product(id="p000", described=False), "undescribed"),
    ],
)
def test_what_cannot_be_sold_is_not_in_the_answer(gone: Product, reason: str) -> None:
    live = live_of(two_circles())
    happens(live, gone)
    answer = ask(friendly(), live, "loner", limit=60)
    assert "p000" not in by_product(answer)
    assert answer.dropped == {reason: 1}
    assert len(answer.items) == 59


def test_excluded_products_and_those_on_the_page_are_not_in_the_answer() -> None:
    live = live_of(two_circles())
    answer = ask(
        friendly(), live, "loner", limit=60, exclude=frozenset({"p001", "p002", "what"}), context=("p003", "what")
    )
    assert not {"p001", "p002", "p003"} & set(ids(answer.items))
    assert answer.dropped == {"excluded": 2, "context": 1}


def test_only_the_category_asked_for() -> None:
    live = live_of(two_circles())
    answer = ask(friendly(), live, "c004", limit=60, category="red")
    assert {live.products.position(one) // 2 % 2 for one in ids(answer.items)} == {0}
    assert answer.dropped["category"] == 30
    assert len(answer.items) + sum(answer.dropped.values()) == 60


def test_a_category_nobody_knows_is_an_empty_answer_that_says_why() -> None:
    answer = ask(friendly(), live_of(two_circles()), "c004", category="green")
    assert (answer.items, answer.dropped) == ((), {"category": 60})


def test_a_product_without_a_category_is_in_no_category() -> None:
    live = live_of(two_circles())
    happens(live, Product(id="plain"))
    assert ask(friendly(), live, "c004", category="green").items == ()


def test_an_answer_is_short_only_when_the_rules_leave_no_more() -> None:
    live = live_of(two_circles())
    answer = ask(friendly(), live, "c004", limit=100)
    assert len(answer.items) == 50
    assert answer.dropped == {"owned": 10}


def test_a_new_product_can_be_found_where_nothing_else_is_left() -> None:
    live = live_of(two_circles())
    happens(live, Product(id="new", category="fresh"))
    answer = ask(friendly(), live, "c004", category="fresh")
    assert ids(answer.items) == ["new"]
    assert answer.items[0].reasons


def test_a_product_that_only_an_event_named_is_not_recommended_until_it_is_described() -> None:
    live = live_of(two_circles())
    happens(live, bought("c005", "bare", NOW))
    assert "bare" not in by_product(ask(friendly(), live, "c004", limit=100))
    happens(live, Product(id="bare"))
    assert "bare" in by_product(ask(friendly(), live, "c004", limit=100))


# ---- people without a history


def test_somebody_nobody_knows_gets_what_is_popular() -> None:
    answer = ask(friendly(), live_of(two_circles()), "who?", limit=5)
    assert {item.source for item in answer.items} == {"popular"}
    assert {reason.type for item in answer.items for reason in item.reasons} == {"popular"}


def test_a_newcomer_gets_what_friends_like() -> None:
    answer = ask(friendly(), live_of(two_circles()), "newcomer", limit=5)
    assert set(ids(answer.items)) <= EVEN
    assert all(reasons_of(item) & {"friends_bought", "friends_taste"} for item in answer.items)


def test_a_new_visitor_is_known_after_the_first_event() -> None:
    live = live_of(two_circles())
    happens(live, bought("visitor", "p001", NOW), bought("visitor", "p003", NOW))
    answer = ask(friendly(), live, "visitor", limit=8)
    assert not set(ids(answer.items)) & {"p001", "p003"}
    assert len(set(ids(answer.items)) - EVEN) >= 7


def test_without_personalisation_the_own_history_is_not_used_but_what_is_owned_stays_away() -> None:
    live = live_of(two_circles())
    happens(live, agrees("c004", "personalisation", granted=False, at=NOW))
    first = ask(friendly(), live, "c004", limit=60)
    assert first.dropped["owned"] == 10
    assert not {"taste", "similar_to"} & {reason.type for item in first.items for reason in item.reasons}


# ---- friends


def test_friends_who_bought_come_first_among_the_reasons() -> None:
    live = live_of(two_circles())
    answer = ask(friendly(), live, "c004", limit=20)
    seen = [item for item in answer.items if "friends_bought" in reasons_of(item)]
    assert seen
    for item in seen:
        assert item.reasons[0].type == "friends_bought"
        assert item.reasons[0].count or item.reasons[0].friends


def test_every_friends_reason_is_evidence_that_may_be_shown() -> None:
    live = live_of(two_circles())
    for who in ("c000", "c013", "c028", "newcomer"):
        evidence = live.evidence.of(live.customers.position(who))
        for item in ask(friendly(), live, who, limit=60).items:
            position = live.products.position(item.product)
            reasons = [reason for reason in item.reasons if reason.type == "friends_bought"]
            named = {live.customers[friend] for friend in evidence.friends(position)}
            assert {friend.customer for reason in reasons for friend in reason.friends} == named
            assert bool(reasons) == bool(named or evidence.counts_of(np.array([position]))[0])


def test_a_blocked_friend_is_no_reason_any_more() -> None:
    live = live_of(two_circles())
    named = {
        friend.customer
        for item in ask(friendly(), live, "c004", limit=60).items
        for reason in item.reasons
        for friend in reason.friends
    }
    assert "c006" in named
    happens(live, Block(customer="c006", other="c004", at=NOW))
    after = ask(friendly(), live, "c004", limit=60)
    assert "c006" not in {f.customer for item in after.items for reason in item.reasons for f in reason.friends}


def test_what_one_friend_does_now_moves_nobody_else_before_the_next_epoch() -> None:
    live = live_of(two_circles())
    before = ask(friendly(), live, "c004", limit=60, explain=True)
    happens(live, bought("c006", "p001", NOW), bought("c006", "p003", NOW), likes("c006", "p005", at=NOW))
    assert ask(friendly(), live, "c004", limit=60, explain=True) == before


def test_a_friend_who_withdraws_leaves_the_taste_of_others_at_once() -> None:
    live = live_of(two_circles())
    before = ask(friendly(), live, "newcomer", limit=60, explain=True)
    happens(live, agrees("c006", "social_proof", granted=False, at=NOW))
    after = ask(friendly(), live, "newcomer", limit=60, explain=True)
    assert [item.scores for item in after.items] != [item.scores for item in before.items]


def test_fewer_friends_than_the_threshold_pass_on_no_taste() -> None:
    live = live_of([*two_circles(), *(Friendship.between("loner", f"c{i:03d}", OLD) for i in (0, 2))])
    answer = ask(replace(train(live, FAST), blend=FRIENDLY), live, "loner", limit=60)
    assert "friends_taste" not in {reason.type for item in answer.items for reason in item.reasons}


def test_a_gift_never_reaches_the_taste_of_friends() -> None:
    plain = [fact for fact in two_circles() if getattr(fact, "customer", None) != "c006" or not hasattr(fact, "gift")]
    gifts = [bought("c006", product(i), OLD, gift=True) for i in (1, 3, 5, 7)]
    kept = [bought("c006", product(i), OLD) for i in (0, 2)]
    live = live_of([*plain, *kept, *gifts])
    shown = shown_by_contributors(TrainingData.of(live))
    assert live.products.names(shown[live.customers.position("c006")].indices.tolist()) == ["p000", "p002"]


# ---- other questions


def test_the_label_of_a_product_agrees_with_the_reasons() -> None:
    live, model = live_of(two_circles()), friendly()
    for item in ask(model, live, "c004", limit=60).items:
        label = Recommender(model).friends_bought(item.product, "c004", live)
        told = [reason for reason in item.reasons if reason.type == "friends_bought"]
        assert (label.count, label.friends) == ((told[0].count, told[0].friends) if told else (None, ()))


def test_the_label_for_somebody_nobody_knows_is_empty() -> None:
    label = Recommender(friendly()).friends_bought("p000", "who?", live_of(two_circles()))
    assert (label.count, label.friends) == (None, ())


def test_a_product_nobody_knows_is_not_found() -> None:
    live, recommender = live_of(two_circles()), Recommender(friendly())
    with pytest.raises(NotFound, match="what"):
        recommender.friends_bought("what", "c004", live)
    with pytest.raises(NotFound, match="what"):
        recommender.similar("what", 5, live)


def test_similar_products_come_from_the_same_circle_and_can_be_sold() -> None:
    live = live_of(two_circles())
    near = Recommender(friendly()).similar("p000", 6, live)
    assert len(near) == 6
    assert set(ids(near)) <= EVEN - {"p000"}
    assert near[0].reasons[0].product == "p000"
    happens(live, Product(id=near[0].product, available=False))
    assert near[0].product not in ids(Recommender(friendly()).similar("p000", 60, live))


def test_what_is_on_the_page_brings_similar_products_and_is_the_reason() -> None:
    answer = ask(friendly(), live_of(two_circles()), "who?", limit=5, context=("p001",))
    assert not set(ids(answer.items)) & EVEN
    assert all(item.reasons[0].product == "p001" for item in answer.items)


def test_trending_is_what_many_bought_lately() -> None:
    facts = [*two_circles(), *(bought(f"c{i:03d}", "p059", NOW - DAY) for i in range(6))]
    live = live_of(facts)
    items = Recommender(train(live, FAST)).trending(5, None, live)
    assert items[0].product == "p059"
    assert items[0].reasons[0].type == "trending"


def test_where_no_times_are_known_trending_is_what_is_popular() -> None:
    facts = [replace(fact, at=None) if hasattr(fact, "gift") else fact for fact in two_circles()]
    live = open_live(facts)
    items = Recommender(train(live, FAST)).trending(3, "red", live)
    assert {item.source for item in items} == {"popular"}
    assert len(items) == 3


def test_public_lists_need_enough_people() -> None:
    facts = [bought(f"c{i}", "few") for i in range(4)] + [bought(f"c{i}", "many") for i in range(5)]
    facts += [Product(id="few"), Product(id="many")]
    live = live_of(facts)
    recommender = Recommender(train(live))
    assert ids(recommender.trending(10, None, live)) == ["many"]
    assert recommender.similar("many", 10, live) == ()


def test_the_ids_alone_are_those_of_the_answer() -> None:
    live, model = live_of(two_circles()), friendly()
    query = Query(customer="c004", limit=7)
    recommender = Recommender(model)
    assert list(recommender.rank(query, live)) == ids(recommender.recommend(query, live).items)


def test_a_person_created_after_training_is_answered() -> None:
    live = live_of(two_circles())
    happens(live, Customer(id="zz-new"), Friendship.between("zz-new", "c000"))
    assert len(ask(friendly(), live, "zz-new", limit=5).items) == 5
