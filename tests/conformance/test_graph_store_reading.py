"""What `graph.store.GraphStore` promises to those who read: of every store."""

from __future__ import annotations

import dataclasses
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.columns import Columns
from graph.records import (
    Click,
    Customer,
    CustomerId,
    Friendship,
    Product,
    Purchase,
    Record,
    Review,
)
from graph.schema import KINDS, Kind, kind_of
from graph.store import START, GraphStore, Removed, Subgraph
from tests.records import FACTS, bought, everything, ids, key, records_of

A, B, C = CustomerId("a"), CustomerId("b"), CustomerId("c")


# ---- changes


def test_the_tail_from_the_start_is_everything_with_ends_before_what_names_them(store: GraphStore) -> None:
    written = store.write(FACTS)
    tail = store.changes(START)
    assert set(tail.items) == everything(store)
    assert (tail.more, tail.cursor) == (False, written.cursor)
    seen: set[tuple[type[Record], tuple[str, ...]]] = set()
    for item in tail.items:
        assert isinstance(item, Record)
        assert {(end, (getattr(item, field),)) for field, end in kind_of(type(item)).ends.items()} <= seen
        seen.add((type(item), key(item)))


def test_the_tail_starts_after_the_cursor_of_a_write(store: GraphStore) -> None:
    cursors = [store.write([bought(str(n))]).cursor for n in range(5)]
    for n, cursor in enumerate(cursors):
        assert store.changes(cursor).items == tuple(bought(str(later)) for later in range(n + 1, 5))


def test_the_tail_is_empty_when_nothing_is_new(store: GraphStore) -> None:
    assert store.changes(START).items == ()
    cursor = store.write(FACTS).cursor
    assert store.changes(cursor).items == ()
    assert store.changes(cursor).cursor == cursor


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_a_limited_tail_asked_again_gives_all_in_the_same_order(store: GraphStore, limit: int) -> None:
    store.write(FACTS)
    store.remove(Click, ("9",))
    whole = store.changes(START)
    parts: list[Record | Removed] = []
    cursor, more = START, True
    while more:
        part = store.changes(cursor, limit)
        assert len(part.items) <= limit
        parts += part.items
        cursor, more = part.cursor, part.more
    assert tuple(parts) == whole.items
    assert cursor == whole.cursor


def test_a_limit_that_is_just_enough_leaves_no_more(store: GraphStore) -> None:
    store.write([Customer(id="a"), Customer(id="b")])
    assert not store.changes(START, 2).more
    assert store.changes(START, 1).more


def test_a_record_written_twice_comes_once_in_its_newest_form(store: GraphStore) -> None:
    store.write([Customer(id="a", name="Ann"), Customer(id="b")])
    store.write([Customer(id="a", name="Anna")])
    assert store.changes(START).items == (Customer(id="b"), Customer(id="a", name="Anna"))


def test_what_was_removed_and_written_again_comes_after_its_tombstone(store: GraphStore) -> None:
    tie = Friendship(customer="a", friend="b")
    cursor = store.write([tie]).cursor
    store.remove(Friendship, ("a", "b"))
    store.write([tie])
    assert store.changes(cursor).items == (Removed(Friendship, ("a", "b")), tie)


def test_what_was_removed_twice_has_one_tombstone(store: GraphStore) -> None:
    cursor = store.write([Friendship(customer="a", friend="b")]).cursor
    store.remove(Friendship, ("a", "b"))
    store.write([Friendship(customer="a", friend="b")])
    store.remove(Friendship, ("a", "b"))
    assert store.changes(cursor).items == (Removed(Friendship, ("a", "b")),)


# ---- known


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_known_names_the_keys_that_have_a_record(store: GraphStore, fact: Record) -> None:
    kind, here = type(fact), key(fact)
    nowhere = tuple(f"{part}-" for part in here)
    assert store.known(kind, [here, nowhere]) == set()
    store.write(FACTS)
    assert store.known(kind, [here, nowhere, here]) == {here}
    assert store.known(kind, []) == set()


def test_known_answers_for_many_keys_at_once(store: GraphStore) -> None:
    store.write(Columns(Product, {"id": [f"p{n}" for n in range(0, 1_000, 2)]}))
    assert store.known(Product, [(f"p{n}",) for n in range(1_000)]) == {(f"p{n}",) for n in range(0, 1_000, 2)}


# ---- around


@pytest.fixture
def circle(store: GraphStore) -> GraphStore:
    """m - a, b, z;  a - b;  a - far, z - far;  far - farther;  alone."""
    pairs = [("m", "a"), ("m", "b"), ("m", "z"), ("a", "b"), ("a", "far"), ("z", "far"), ("far", "farther")]
    store.write([Friendship.between(one, other, since=7) for one, other in pairs])
    store.write([Customer(id="alone")])
    return store


@pytest.mark.parametrize(
    ("hops", "people"),
    [(0, "m"), (1, "m a b z"), (2, "m a b z far"), (3, "m a b z far farther"), (9, "m a b z far farther")],
)
def test_around_finds_the_people_within_the_hops_nearest_first_then_by_id(
    circle: GraphStore, hops: int, people: str
) -> None:
    found = circle.around(CustomerId("m"), hops=hops, limit=100)
    assert found.customers == tuple(people.split())
    assert not found.truncated


def test_around_gives_the_friendships_among_the_people_found(circle: GraphStore) -> None:
    found = circle.around(CustomerId("m"), hops=1, limit=100)
    pairs = [("a", "b"), ("a", "m"), ("b", "m"), ("m", "z")]
    assert found.friendships == tuple(Friendship(customer=one, friend=other, since=7) for one, other in pairs)


@pytest.mark.parametrize("limit", range(1, 8))
def test_around_keeps_the_nearest_and_says_if_it_left_people_out(circle: GraphStore, limit: int) -> None:
    whole = circle.around(CustomerId("m"), hops=3, limit=100)
    part = circle.around(CustomerId("m"), hops=3, limit=limit)
    kept = set(whole.customers[:limit])
    assert part.customers == whole.customers[:limit]
    assert part.friendships == tuple(t for t in whole.friendships if {t.customer, t.friend} <= kept)
    assert part.truncated is (limit < 6)


def test_around_somebody_without_friends_is_that_person(circle: GraphStore) -> None:
    assert circle.around(CustomerId("alone"), hops=3, limit=10) == Subgraph((CustomerId("alone"),), (), False)


def test_around_somebody_unknown_is_nobody(circle: GraphStore) -> None:
    assert circle.around(CustomerId("nobody"), hops=3, limit=10) == Subgraph((), (), False)


# ---- read


def test_a_kind_without_records_reads_as_nothing(store: GraphStore) -> None:
    assert list(store.read(Purchase)) == []


def test_read_gives_only_the_columns_asked_for(store: GraphStore) -> None:
    store.write([bought("1", at=5), bought("2", at=None)])
    (batch,) = store.read(Purchase, columns=("at", "id"))
    assert {name: list(values) for name, values in batch.values.items()} in (
        {"at": [5, None], "id": ["1", "2"]},
        {"at": [None, 5], "id": ["2", "1"]},
    )
    assert batch.kind is Purchase


def test_many_records_come_once_each_and_in_the_same_order_every_time(store: GraphStore) -> None:
    many = [f"p{n * 7919 % 60_013}" for n in range(60_013)]
    store.write(Columns(Product, {"id": many}))
    assert sorted(ids(store, Product)) == sorted(many)
    assert ids(store, Product) == ids(store, Product)
    whole = [batch.values for batch in store.read(Product)]
    assert [id for values in whole for id in values["id"]] == ids(store, Product)


def test_reading_is_as_of_one_moment(store: GraphStore) -> None:
    store.write(Columns(Product, {"id": [f"p{n}" for n in range(60_000)]}))
    reading = iter(store.read(Product, columns=("id", "described")))
    first = next(reading)
    store.write(Columns(Product, {"id": [f"p{n}" for n in range(60_001)], "described": [False] * 60_001}))
    batches = [first, *reading]
    assert sum(map(len, batches)) == 60_000
    assert all(all(batch["described"]) for batch in batches)


def test_reading_until_a_cursor_and_its_tail_show_everything_once(store: GraphStore) -> None:
    store.write([bought("1"), bought("2"), Customer(id="b")])
    cursor = store.changes(START).cursor
    store.write([bought("3"), Customer(id="b", name="Bob")])
    until = [r for kind in (Customer, Product, Purchase) for b in store.read(kind, until=cursor) for r in b.records()]
    after = store.changes(cursor).items
    assert len(until) + len(after) == len(everything(store))
    assert {*until, *after} == everything(store)
    assert list(store.read(Customer, until=START)) == []


def test_a_reading_that_is_given_up_disturbs_nobody(store: GraphStore) -> None:
    store.write(Columns(Product, {"id": [f"p{n}" for n in range(50_001)]}))
    reading = store.read(Product)
    next(reading)
    del reading
    assert store.write([Product(id="new")]).changed == 1
    assert store.check().counts["products"] == 50_002


# ---- values


@pytest.mark.parametrize(
    "odd", ["", " ", "ü", "u\u0308", "🧵", "a'b\"c", "a\nb\0c", "%_\\", "NULL", "0", "1e3", "x" * 256]
)
def test_odd_ids_are_ids_like_any_other(store: GraphStore, odd: str) -> None:
    store.write([bought(odd, customer=odd, product=odd), Friendship(customer=odd, friend="b")])
    assert store.get(Purchase, (odd,)) == bought(odd, customer=odd, product=odd)
    assert store.around(CustomerId(odd), hops=1, limit=9).customers == (odd, "b")
    store.remove(Friendship, (odd, "b"))
    assert Removed(Friendship, (odd, "b")) in store.changes(START).items
    assert store.forget(CustomerId(odd)).removed == {"customers": 1, "purchases": 1}
    assert everything(store) == {Customer(id="b"), Product(id=odd, described=False)}


def test_ids_that_only_look_alike_are_different(store: GraphStore) -> None:
    alike = ["a", "A", "á", "a\u0301", "a ", " a", "1", "01", "1.0"]
    assert store.write([Customer(id=id) for id in alike]).changed == len(alike)
    assert sorted(ids(store, Customer)) == sorted(alike)


def test_big_values_come_back_whole(store: GraphStore) -> None:
    big = Review(id="1", customer="a", product="p", at=-(2**63), rating=1.7976931348623157e308, text="ß" * 1_000_000)
    store.write([big, bought("2", at=2**63 - 1, weight=5e-324)])
    assert store.get(Review, ("1",)) == big
    assert store.get(Purchase, ("2",)) == bought("2", at=2**63 - 1, weight=5e-324)


_examples = count()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.table)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_value_of_every_field_comes_back_by_every_way(store: GraphStore, kind: Kind, data: st.DataObject) -> None:
    drawn = data.draw(st.lists(records_of(kind), max_size=8, unique_by=kind.key_of))
    unused = f"{next(_examples)}-"
    facts = [dataclasses.replace(r, **{f: unused + getattr(r, f) for f in kind.key}) for r in drawn]
    since = store.changes(START, 1_000_000).cursor
    store.write(facts)
    assert [exact(store.get(kind.record, key(fact))) for fact in facts] == [exact(fact) for fact in facts]
    told = [item for item in store.changes(since).items if type(item) is kind.record]
    read = [record for batch in store.read(kind.record) for record in batch.records()]
    expected = sorted(map(exact, facts))
    mine = [record for record in told if key(record) in set(map(key, facts))]
    assert sorted(map(exact, mine)) == expected
    assert sorted(exact(record) for record in read if key(record) in set(map(key, facts))) == expected


def exact(record: Record | None) -> str:
    """Tells True from 1 and 1.0 from 1, which compare as equal; -0.0 is 0.0."""
    assert record is not None
    values = [(value or 0.0) if isinstance(value, float) else value for value in dataclasses.astuple(record)]
    return repr((type(record), values))
