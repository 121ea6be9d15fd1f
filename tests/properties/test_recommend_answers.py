"""Whatever happens in a shop, an answer keeps its promises."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.moments import DAY
from graph.records import Block, Friendship, Product, Record, Return
from recommend.query import Query
from recommend.scorers.blend import Blend
from recommend.viewer import Viewer
from tests.worlds import (
    NOW,
    agrees,
    ask,
    bought,
    circles_model,
    customer,
    happens,
    ids,
    likes,
    live_of,
    product,
    two_circles,
)

BLEND = Blend(
    {"taste": 1.0, "friends": 1.0, "similar": 0.5, "popular": 0.1}, {"taste": 1.0, "friends": 0.3, "popular": 0.1}
)

people = st.sampled_from([customer(4), customer(6), customer(7), customer(8), "newcomer", "loner", "visitor"])
things = st.sampled_from([product(i) for i in range(12)] + ["unheard"])
moments = st.integers(NOW - DAY, NOW + DAY)
opinions = st.sampled_from(["like", "unlike", "dislike"])
events: st.SearchStrategy[Record] = st.one_of(
    st.builds(bought, people, things, moments, gift=st.booleans()),
    st.builds(likes, people, things, opinions, moments),
    st.builds(
        lambda who, what, at: Return(id="r", customer=who, product=what, at=at, reason="refund"),
        people,
        things,
        moments,
    ),
    st.builds(
        lambda id, available, described: Product(id=id, category="red", available=available, described=described),
        things,
        st.booleans(),
        st.booleans(),
    ),
    st.builds(agrees, people, st.sampled_from(["personalisation", "social_proof", "named"]), st.booleans(), moments),
    st.builds(lambda who: Friendship.between(who, "c010", NOW - 30 * DAY), people),
    st.builds(lambda who: Block(customer=who, other="c006", at=NOW), people.filter(lambda who: who != "c006")),
)
queries = st.builds(
    Query,
    customer=people | st.just("nobody"),
    limit=st.integers(1, 100),
    category=st.sampled_from([None, None, "red", "green"]),
    exclude=st.frozensets(things, max_size=3),
    context=st.lists(things, max_size=2).map(tuple),
)


@settings(max_examples=60)
@given(st.lists(events, max_size=12), queries)
def test_an_answer_holds_what_may_be_sold_to_this_person_and_says_why(happened: list[Record], query: Query) -> None:
    live, model = live_of(two_circles()), replace(circles_model(), blend=BLEND)
    for record in happened:
        happens(live, record)
    answer = ask(
        model,
        live,
        query.customer,
        limit=query.limit,
        category=query.category,
        exclude=query.exclude,
        context=query.context,
    )
    viewer, found = Viewer.of(query, live), live.products.positions(ids(answer.items))
    refused = set(viewer.owned.tolist()) | set(viewer.disliked.tolist()) | set(viewer.context.tolist())
    refused |= set(live.products.positions(sorted(query.exclude)).tolist())
    assert len(set(found.tolist())) == len(found) <= query.limit
    assert not refused & set(found.tolist())
    assert live.available[found].all() and live.described[found].all()
    if query.category is not None:
        assert {live.categories[live.category[one]] for one in found.tolist()} <= {query.category}
    if len(found) < query.limit:
        assert len(found) + sum(answer.dropped.values()) == len(live.products)
    for item, position in zip(answer.items, found.tolist(), strict=True):
        assert item.reasons
        evidence = [reason for reason in item.reasons if reason.type == "friends_bought"]
        assert all(reason.count or reason.friends for reason in evidence)
        assert all(one.customer in friends_of(viewer, position) for reason in evidence for one in reason.friends)
        assert viewer.personal or "taste" not in {reason.type for reason in item.reasons}


def friends_of(viewer: Viewer, position: int) -> set[str]:
    return set(viewer.live.customers.names(viewer.evidence.friends(position)))
