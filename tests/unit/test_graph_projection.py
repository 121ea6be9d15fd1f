"""What marketers may see of a graph: by rule, and against the slow and obvious way on any graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns import Columns
from graph.freeze import freeze
from graph.moments import DAY, to_datetime
from graph.projection import SHOWN, Degrees, Projection, ProjectionRules
from graph.records import (
    Block,
    Click,
    Consent,
    Customer,
    Friendship,
    Impression,
    Like,
    Product,
    Purchase,
    Purpose,
    Record,
    Return,
    Review,
    Share,
    View,
)
from graph.schema import KINDS, people_in
from graph.sensitive import Sensitive
from graph.snapshot import RETURNED
from graph.stores.memory import MemoryStore
from tests.shown_facts import ShownFacts, shown_of
from tests.worlds import NOW, OLD, agrees, bought, likes

YEAR = to_datetime(NOW).year
SHOE = Product(id="shoe", name="Shoe", price=8900, category="running")
BEST: list[Record] = [
    SHOE,
    Customer(id="ann", name="Ann", birth_year=YEAR - 40, email="hash", phone="hash"),
    Customer(id="bob", name="Bob"),
    Friendship.between("ann", "bob", OLD),
    agrees("ann", "profiling"),
    agrees("bob", "profiling"),
    bought("ann", "shoe"),
]
"""Ann and Bob agreed to profiling and are friends; she bought a shoe."""


def projection_of(facts: Iterable[Record], presumed: tuple[Purpose, ...] = ("personalisation",)) -> Projection:
    store = MemoryStore()
    store.write(list(facts))
    return Projection(store, ProjectionRules(NOW, presumed, Sensitive({"Swords"}), 16))


def shown(facts: Iterable[Record], **more: Any) -> list[Record]:
    """The records of a projection of these facts."""
    return [record for batch, _ in projection_of(facts, **more).facts() for record in batch.records()]


def of(kind: type[Record], records: Iterable[Record]) -> list[Any]:
    return [record for record in records if isinstance(record, kind)]


# ---- people


def test_who_granted_profiling_is_shown_with_id_and_name_and_nothing_else() -> None:
    assert of(Customer, shown(BEST)) == [Customer(id="ann", name="Ann"), Customer(id="bob", name="Bob")]


@pytest.mark.parametrize(
    "receipts",
    [
        [],
        [agrees("bob", "profiling", granted=False)],
        [agrees("bob", "profiling"), agrees("bob", "profiling", granted=False, at=OLD + 1)],
        [agrees("bob", "profiling"), replace(agrees("bob", "profiling", granted=False), id="same moment")],
        [agrees("bob", purpose) for purpose in ("personalisation", "social_proof", "named", "marketing", "advocacy")],  # type: ignore[arg-type]
    ],
)
def test_who_did_not_grant_it_is_only_counted(receipts: list[Record]) -> None:
    others = [record for record in BEST if getattr(record, "customer", None) != "bob"]
    facts = [*others, *receipts, bought("bob", "shoe"), likes("bob", "shoe")]
    found = projection_of(facts)
    assert (list(found.people.names(range(len(found.people)))), found.withheld) == (["ann"], 1)
    assert not [record for record in shown(facts) if "bob" in repr(record)]


def test_what_the_shop_presumes_counts_until_a_receipt_says_otherwise() -> None:
    facts = [SHOE, Customer(id="ann"), Customer(id="bob"), agrees("bob", "profiling", granted=False)]
    assert of(Customer, shown(facts, presumed=("profiling",))) == [Customer(id="ann")]
    assert of(Customer, shown(facts)) == []


@pytest.mark.parametrize(("age", "there"), [(16, False), (17, True), (3, False), (40, True)])
def test_who_may_be_a_minor_is_not_in_it_whatever_they_granted(age: int, there: bool) -> None:
    facts = [*BEST, Customer(id="bob", name="Bob", birth_year=YEAR - age)]
    assert (Customer(id="bob", name="Bob") in shown(facts)) is there


# ---- friendships


def test_a_friendship_of_two_people_in_it_is_shown() -> None:
    assert of(Friendship, shown(BEST)) == [Friendship(customer="ann", friend="bob", since=OLD)]


@pytest.mark.parametrize(("one", "other"), [("ann", "bob"), ("bob", "ann")])
def test_people_of_whom_one_blocks_the_other_are_not_shown_as_friends(one: str, other: str) -> None:
    found = shown([*BEST, Block(customer=one, other=other, at=OLD)])
    assert of(Friendship, found) == [] and len(of(Customer, found)) == 2


# ---- behaviour


def test_a_purchase_is_shown_without_order_line_visibility_and_recommendation() -> None:
    full = Purchase(
        id="1",
        customer="ann",
        product="shoe",
        at=OLD,
        recommendation_id="r-1",
        quantity=2,
        price=100,
        order="o1",
        line="1",
        visibility="named",
        weight=0.5,
    )
    plain = Purchase(id="1", customer="ann", product="shoe", at=OLD, quantity=2, price=100, weight=0.5)
    assert of(Purchase, shown([*BEST[:-1], full])) == [plain]


@pytest.mark.parametrize("purchase", [{"gift": True}, {"visibility": "private"}])
def test_gifts_and_private_purchases_are_not_shown(purchase: dict[str, Any]) -> None:
    assert of(Purchase, shown([*BEST[:-1], bought("ann", "shoe", **purchase)])) == []


@pytest.mark.parametrize(
    ("returned", "there"),
    [
        (Return(id="r", customer="ann", product="shoe", at=OLD + DAY, reason="refund"), False),
        (Return(id="r", customer="ann", product="shoe", at=OLD, reason="cancel"), False),
        (Return(id="r", customer="ann", product="shoe", reason="refund"), False),
        (Return(id="r", customer="ann", product="shoe", at=OLD + DAY, order="o1", reason="refund"), False),
        (Return(id="r", customer="ann", product="shoe", at=OLD + DAY, order="o2", reason="refund"), True),
        (Return(id="r", customer="ann", product="shoe", at=OLD - DAY, reason="refund"), True),
        (Return(id="r", customer="bob", product="shoe", at=OLD + DAY, reason="refund"), True),
        (Return(id="r", customer="ann", product="hat", at=OLD + DAY, reason="refund"), True),
    ],
)
def test_a_purchase_that_was_taken_back_is_not_shown_and_no_return_is(returned: Return, there: bool) -> None:
    found = shown([*BEST[:-1], bought("ann", "shoe", order="o1"), returned])
    assert bool(of(Purchase, found)) is there and of(Return, found) == []


@pytest.mark.parametrize(
    "product",
    [
        Product(id="shoe", sensitive=True),
        Product(id="shoe", category="Health"),
        Product(id="shoe", category=" swords "),
        Product(id="shoe", described=False),
    ],
)
def test_nothing_that_anybody_did_with_a_sensitive_or_unknown_product_is_shown(product: Product) -> None:
    deeds = [
        View(id="v", customer="ann", product="shoe"),
        Share(id="s", customer="ann", product="shoe"),
        Review(id="w", customer="ann", product="shoe", rating=5),
        likes("ann", "shoe"),
    ]
    found = shown([*BEST, *deeds, product])
    assert {type(record) for record in found} <= {Customer, Friendship, Product}
    assert of(Product, found) == ([product] if product.described else [])


@pytest.mark.parametrize(
    ("opinions", "kept"),
    [
        ([("like", 1)], ["like"]),
        ([("dislike", 1)], ["dislike"]),
        ([("like", 1), ("dislike", 2)], ["dislike"]),
        ([("dislike", 2), ("like", 1)], ["dislike"]),
        ([("like", 1), ("unlike", 2)], []),
        ([("unlike", 1), ("like", 2)], ["like"]),
        ([("like", 1), ("unlike", 1)], []),
        ([("dislike", 1), ("unlike", 1)], ["dislike"]),
        ([("like", None), ("dislike", 1)], ["dislike"]),
    ],
)
def test_the_newest_opinion_is_shown_unless_it_was_withdrawn(opinions: list[Any], kept: list[str]) -> None:
    found = shown([*BEST, *(likes("ann", "shoe", opinion, at) for opinion, at in opinions)])
    assert [like.opinion for like in of(Like, found)] == kept


def test_a_review_is_shown_by_its_rating_as_its_text_may_name_others() -> None:
    review = Review(
        id="w", customer="ann", product="shoe", at=OLD, rating=2, text="Bob has it too", recommendation_id="r"
    )
    assert of(Review, shown([*BEST, review])) == [Review(id="w", customer="ann", product="shoe", at=OLD, rating=2)]


def test_what_the_shop_showed_and_wrote_down_stays_away() -> None:
    kept = [Impression(id="i", customer="ann", product="shoe"), Click(id="k", customer="ann", product="shoe")]
    found = shown([*BEST, *kept, Block(customer="ann", other="zoe")])
    assert {type(record) for record in found} == {Customer, Product, Friendship, Purchase}


# ---- as a whole

PEOPLE = st.sampled_from(["ann", "bob", "cyd"])
GOODS = st.sampled_from(["shoe", "hat", "sword", "bare"])
TIMES = st.none() | st.integers(OLD, OLD + 3)
ORDERS = st.sampled_from([None, "o1", "o2"])
DEEDS = st.one_of(
    st.builds(
        Purchase,
        id=st.uuids().map(str),
        customer=PEOPLE,
        product=GOODS,
        at=TIMES,
        order=ORDERS,
        gift=st.sampled_from([False, False, True]),
        visibility=st.sampled_from([None, "private", "count", "named"]),
    ),
    st.builds(
        Return, id=st.uuids().map(str), customer=PEOPLE, product=GOODS, at=TIMES, order=ORDERS, reason=st.just("refund")
    ),
    st.builds(
        Like,
        id=st.uuids().map(str),
        customer=PEOPLE,
        product=GOODS,
        at=TIMES,
        opinion=st.sampled_from(["like", "unlike", "dislike"]),
    ),
    st.builds(View, id=st.uuids().map(str), customer=PEOPLE, product=GOODS, at=TIMES),
    st.builds(Review, id=st.uuids().map(str), customer=PEOPLE, product=GOODS, rating=st.none() | st.floats(1, 5)),
    st.builds(Share, id=st.uuids().map(str), customer=PEOPLE, product=GOODS),
)
RECEIPTS = st.builds(
    Consent,
    id=st.uuids().map(str),
    customer=PEOPLE,
    purpose=st.sampled_from(["profiling", "profiling", "named"]),
    granted=st.booleans(),
    at=TIMES,
)
PAIRS = st.tuples(PEOPLE, PEOPLE).filter(lambda pair: pair[0] != pair[1])
TIES = PAIRS.flatmap(lambda pair: st.builds(Friendship.between, st.just(pair[0]), st.just(pair[1]), TIMES))
BLOCKS = PAIRS.map(lambda pair: Block(customer=pair[0], other=pair[1]))
AGES = st.tuples(PEOPLE, st.sampled_from([None, YEAR - 12, YEAR - 30]))
SHELF: list[Record] = [
    SHOE,
    Product(id="hat", name="Hat"),
    Product(id="sword", category="Swords"),
    Product(id="bare", described=False),
]


def graphs() -> st.SearchStrategy[list[Record]]:
    people = st.lists(AGES.map(lambda aged: Customer(id=aged[0], name=aged[0].title(), birth_year=aged[1])), max_size=3)
    parts = (people, st.lists(RECEIPTS, max_size=6), st.lists(TIES, max_size=3), st.lists(BLOCKS, max_size=1))
    return st.tuples(*parts, st.lists(DEEDS, max_size=12)).map(
        lambda made: [*SHELF, *(fact for part in made for fact in part)]
    )


def all_of(facts: list[Record], presumed: bool) -> ShownFacts:
    """Beside the people who are described, those whom only a fact names."""
    named = {getattr(r, field) for r in facts for field in people_in(KINDS[type(r)])}
    bare = [Customer(id=id) for id in sorted(named)]
    return shown_of([*bare, *facts], NOW, presumed=presumed, sensitive={"swords"})


@given(graphs(), st.booleans())
def test_it_shows_what_the_slow_and_obvious_way_shows(facts: list[Record], presumed: bool) -> None:
    purposes: tuple[Purpose, ...] = ("profiling",) if presumed else ()
    found, expected = shown(facts, presumed=purposes), all_of(facts, presumed)
    assert {c.id: c.name for c in of(Customer, found)} == expected.people
    assert {p.id: p for p in of(Product, found)} == expected.products
    assert {(f.customer, f.friend, f.since) for f in of(Friendship, found)} == expected.friendships
    assert {p.id for p in of(Purchase, found)} == {p.id for p in expected.purchases}
    deeds = {(o.customer, o.product, o.at, o.opinion) for o in of(Like, found)}
    assert deeds == {(o.customer, o.product, o.at, o.opinion) for o in expected.opinions}
    assert Counter(e.id for kind in (View, Review, Share) for e in of(kind, found)) == Counter(
        e.id for e in expected.others
    )


@given(graphs())
def test_what_counts_as_taken_back_is_what_recommendations_take_for_it(facts: list[Record]) -> None:
    """Gifts and privacy aside: everybody presumed, everything plain."""
    open_facts = [
        replace(r, gift=False, visibility=None) if isinstance(r, Purchase) else r
        for r in facts
        if not isinstance(r, Consent | Customer) and getattr(r, "product", "") not in ("sword", "bare")
    ]
    store = MemoryStore()
    store.write(open_facts)
    snapshot = freeze(store, now=NOW)
    kept = int(((snapshot.purchases.flags & RETURNED) == 0).sum())
    assert len(of(Purchase, shown(open_facts, presumed=("profiling",)))) == kept


@given(graphs())
def test_nothing_in_it_names_anybody_who_is_not(facts: list[Record]) -> None:
    found = projection_of(facts)
    shown_people = set(found.people.names(range(len(found.people))))
    everybody = {"ann", "bob", "cyd"}
    for batch, _ in found.facts():
        assert set(batch.values) == set(SHOWN[batch.kind])
        assert not {value for column in batch.values.values() for value in column} & (everybody - shown_people)


def test_progress_ends_where_it_was_said_to_end() -> None:
    found = projection_of([*BEST, likes("ann", "shoe"), View(id="v", customer="zoe", product="shoe")])
    people, product, friendship, deeds = 3, 1, 1, 3
    assert sum(read for _, read in found.facts()) == found.read == people + product + friendship + deeds


# ---- sizes


def test_people_are_sized_by_friends_and_purchases_and_products_by_distinct_buyers() -> None:
    facts = [*BEST, bought("ann", "shoe", OLD + DAY), bought("bob", "hat"), Product(id="hat"), Product(id="cap")]
    found = projection_of([*facts, Customer(id="cyd"), agrees("cyd", "profiling"), bought("cyd", "shoe")])
    degrees = Degrees(found.people)
    for batch, _ in found.facts():
        degrees.add(batch)
    people, columns = degrees.people()
    assert (people, columns) == (["ann", "bob", "cyd"], {"friends": [1, 1, 0], "purchases": [2, 1, 1]})
    products, sizes = degrees.products()
    assert dict(zip(products, sizes["buyers"], strict=True)) == {"shoe": 2, "hat": 1, "cap": 0}


def test_a_buyer_who_comes_in_two_batches_is_one_buyer() -> None:
    found = projection_of(BEST)
    degrees = Degrees(found.people)
    degrees.add(Columns.of(Product, [SHOE]))
    for at in (OLD, OLD + DAY):
        degrees.add(Columns.of(Purchase, [bought("ann", "shoe", at)]))
    assert degrees.products() == (["shoe"], {"buyers": [1]})


def test_an_empty_graph_has_an_empty_projection() -> None:
    found = projection_of([])
    degrees = Degrees(found.people)
    for batch, _ in found.facts():
        degrees.add(batch)
    assert (degrees.people(), degrees.products()) == (([], {"friends": [], "purchases": []}), ([], {"buyers": []}))
