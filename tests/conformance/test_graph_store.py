"""What `graph.store.GraphStore` promises to those who write: of every store."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from graph.columns import Columns
from graph.errors import Invalid
from graph.records import (
    Block,
    Click,
    Customer,
    CustomerId,
    Friendship,
    Product,
    Purchase,
    Record,
    View,
)
from graph.schema import KINDS, kind_of
from graph.store import START, Cursor, Erasure, Facts, GraphStore, Removed, Subgraph
from tests.records import FACTS, bought, everything, ids, key

A, B, C = CustomerId("a"), CustomerId("b"), CustomerId("c")


# ---- write


def test_there_is_an_example_of_every_kind() -> None:
    assert {type(fact) for fact in FACTS} == set(KINDS)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_what_was_written_is_found(store: GraphStore, fact: Record) -> None:
    assert store.get(type(fact), key(fact)) is None
    assert store.write([fact]).changed == 1
    assert store.get(type(fact), key(fact)) == fact
    assert fact in everything(store)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_writing_twice_is_writing_once(store: GraphStore, fact: Record) -> None:
    first = store.write([fact])
    again = store.write([fact])
    assert (again.changed, again.cursor) == (0, first.cursor)
    assert store.changes(first.cursor).items == ()
    assert sum(type(record) is type(fact) and key(record) == key(fact) for record in everything(store)) == 1


def test_an_event_stays_as_it_was_first_written(store: GraphStore) -> None:
    store.write([bought("1", quantity=1)])
    assert store.write([bought("1", quantity=2)]).changed == 0
    assert store.get(Purchase, ("1",)) == bought("1", quantity=1)


def test_the_ends_of_an_event_that_is_known_are_created_all_the_same(store: GraphStore) -> None:
    store.write([bought("1")])
    store.write([bought("1", customer="z")])
    assert store.get(Customer, ("z",)) == Customer(id="z")


def test_an_entity_takes_the_newest_values_and_loses_those_that_became_unknown(store: GraphStore) -> None:
    store.write([Customer(id="a", name="Ann", birth_year=1980)])
    assert store.write([Customer(id="a", name="Anna")]).changed == 1
    assert store.get(Customer, ("a",)) == Customer(id="a", name="Anna")


def test_of_equal_keys_in_one_write_the_last_entity_and_the_first_event_win(store: GraphStore) -> None:
    store.write([Product(id="p", price=1), bought("1", price=1), Product(id="p", price=2), bought("1", price=2)])
    assert store.get(Product, ("p",)) == Product(id="p", price=2)
    assert store.get(Purchase, ("1",)) == bought("1", price=1)


def test_changed_counts_what_is_new_or_different_but_no_bare_ends(store: GraphStore) -> None:
    store.write([bought("1"), Customer(id="a", name="Ann")])
    facts = [bought("1"), bought("2"), Customer(id="a", name="Anna"), Customer(id="n"), bought("3", customer="new")]
    assert store.write(facts).changed == 4


def test_an_empty_write_changes_nothing(store: GraphStore) -> None:
    before = store.write(FACTS)
    empty: list[Facts] = [[], Columns(Purchase, {}), Columns(Purchase, {"id": [], "customer": [], "product": []})]
    for nothing in empty:
        assert store.write(nothing) == dataclasses.replace(before, changed=0)


def test_columns_store_what_the_same_records_store(store: GraphStore) -> None:
    facts = [bought(str(n), customer=f"c{n % 3}", gift=n % 2 == 0) for n in range(10)]
    assert store.write(Columns.of(Purchase, facts)).changed == 10
    assert store.write(facts).changed == 0


def test_fields_left_out_of_columns_take_their_default(store: GraphStore) -> None:
    store.write(Columns(Product, {"id": ["p", "q"], "name": ["Shoe", None]}))
    store.write(Columns(Purchase, {"customer": ["a"], "product": ["p"], "id": ["1"]}))
    assert store.get(Product, ("p",)) == Product(id="p", name="Shoe")
    assert store.get(Purchase, ("1",)) == bought("1")


def failing() -> Iterator[Record]:
    yield from FACTS
    raise RuntimeError("the source broke")


@pytest.mark.parametrize(
    "facts",
    [
        failing,
        lambda: Columns(Purchase, {"id": ["1", "2"], "customer": ["a", "b"]}),
        lambda: Columns(Purchase, {"id": ["1", "2"], "customer": ["a", "b"], "product": ["p"]}),
        lambda: Columns(Customer, {"id": ["a", "b"], "shoe_size": [39, 40]}),
    ],
    ids=["a source that breaks", "a required field missing", "columns of unequal length", "a field nobody knows"],
)
def test_a_write_that_fails_stores_nothing(store: GraphStore, facts: Callable[[], Facts]) -> None:
    store.write([Customer(id="old")])
    before = store.changes(START)
    with pytest.raises((RuntimeError, TypeError, ValueError, Invalid)):
        store.write(facts())
    assert everything(store) == {Customer(id="old")}
    assert store.changes(START) == before
    assert store.write([bought("1")]).changed == 1


def test_ends_that_do_not_exist_are_created_bare(store: GraphStore) -> None:
    store.write([bought("1"), Friendship(customer="b", friend="c"), Block(customer="d", other="e")])
    assert sorted(ids(store, Customer)) == ["a", "b", "c", "d", "e"]
    assert store.get(Customer, ("e",)) == Customer(id="e")
    assert store.get(Product, ("p",)) == Product(id="p", described=False)


def test_ends_that_exist_stay_as_they_are(store: GraphStore) -> None:
    known: list[Record] = [Customer(id="a", name="Ann"), Product(id="p", name="Shoe")]
    written = store.write(known)
    store.write([bought("1")])
    assert everything(store) == {*known, bought("1")}
    assert store.changes(written.cursor).items == (bought("1"),)


@pytest.mark.parametrize("order", [1, -1])
def test_an_end_described_in_the_same_write_is_described_whichever_comes_first(store: GraphStore, order: int) -> None:
    store.write([bought("1"), Product(id="p", name="Shoe"), Customer(id="a", name="Ann")][::order])
    assert everything(store) == {bought("1"), Product(id="p", name="Shoe"), Customer(id="a", name="Ann")}


def test_an_end_that_was_forgotten_is_created_again(store: GraphStore) -> None:
    store.write([bought("1"), bought("2", customer="b")])
    store.forget(A)
    store.write([bought("1")])
    assert store.get(Customer, ("a",)) == Customer(id="a")


def test_an_end_whose_write_failed_is_created_by_the_next_one(store: GraphStore) -> None:
    with pytest.raises((ValueError, Invalid)):
        store.write(Columns(View, {"id": ["1", "2"], "customer": ["x", "y"], "product": ["q"]}))
    store.write([View(id="1", customer="x", product="q")])
    assert store.get(Customer, ("x",)) == Customer(id="x")
    assert store.get(Product, ("q",)) == Product(id="q", described=False)


def test_many_threads_write_at_once_without_loss_or_doubles(store: GraphStore) -> None:
    def work(thread: int) -> int:
        return sum(
            store.write([bought(f"{n}", customer=f"c{thread}"), bought(f"{thread}-{n}")]).changed for n in range(20)
        )

    with ThreadPoolExecutor(8) as pool:
        changed = sum(pool.map(work, range(8)))
    expected = {f"{n}" for n in range(20)} | {f"{thread}-{n}" for thread in range(8) for n in range(20)}
    assert changed == len(expected)
    assert sorted(ids(store, Purchase)) == sorted(expected)


def test_a_failing_write_among_many_threads_fails_alone(store: GraphStore) -> None:
    def work(n: int) -> bool:
        if n % 4:
            return store.write([bought(str(n), customer=f"c{n}")]).changed == 1
        with pytest.raises((ValueError, Invalid)):
            store.write(Columns(Purchase, {"id": [f"{n}", "x"], "customer": ["x", "x"], "product": ["p"]}))
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))
    assert sorted(ids(store, Purchase)) == sorted(str(n) for n in range(40) if n % 4)
    assert store.get(Customer, ("x",)) is None


# ---- remove


@pytest.mark.parametrize("fact", FACTS[2:], ids=lambda fact: type(fact).__name__)
def test_what_was_removed_is_gone_and_its_tombstone_tells(store: GraphStore, fact: Record) -> None:
    written = store.write(FACTS)
    kind = type(fact)
    removed = store.remove(kind, key(fact))
    assert removed.changed == 1
    assert store.get(kind, key(fact)) is None
    assert fact not in everything(store)
    assert store.changes(written.cursor).items == (Removed(kind, key(fact)),)
    assert store.changes(written.cursor).cursor == removed.cursor


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Customer], ids=lambda kind: kind.__name__)
def test_removing_what_is_not_there_changes_nothing(store: GraphStore, kind: type[Record]) -> None:
    written = store.write([Customer(id="a")])
    removed = store.remove(kind, ("x",) * len(kind_of(kind).key))
    assert (removed.changed, removed.cursor) == (0, written.cursor)
    assert everything(store) == {Customer(id="a")}


def test_a_removed_product_keeps_its_events_and_becomes_bare(store: GraphStore) -> None:
    written = store.write([Product(id="p", name="Shoe"), bought("1")])
    assert store.remove(Product, ("p",)).changed == 1
    assert everything(store) == {Product(id="p", described=False), Customer(id="a"), bought("1")}
    assert store.changes(written.cursor).items == (Product(id="p", described=False),)
    assert store.remove(Product, ("p",)).changed == 0


def test_a_customer_is_not_removed_but_forgotten(store: GraphStore) -> None:
    store.write([Customer(id="a")])
    with pytest.raises(Invalid, match="forget"):
        store.remove(Customer, ("a",))
    assert store.get(Customer, ("a",)) is not None


# ---- forget


def test_forget_removes_every_record_that_names_the_person_and_no_other(store: GraphStore) -> None:
    others = [bought("x", customer="b"), Friendship(customer="b", friend="c")]
    store.write([*FACTS, *others])
    erasure = store.forget(A)
    tables = [kind.table for kind in KINDS.values() if kind.record is not Product]
    assert erasure == Erasure(A, dict.fromkeys(tables, 1))
    assert everything(store) == {FACTS[1], *others, Customer(id="b"), Customer(id="c")}


def test_forget_leaves_no_trace_but_one_tombstone(store: GraphStore) -> None:
    store.write([*FACTS, Friendship(customer="a", friend="d")])
    store.remove(Friendship, ("a", "d"))
    store.remove(Block, ("c", "a"))
    store.remove(Click, ("9",))
    store.forget(A)
    naming = [item for item in store.changes(START).items if "'a'" in repr(item)]
    assert naming == [Removed(Customer, ("a",))]
    assert Removed(Click, ("9",)) in store.changes(START).items
    assert store.around(A, hops=2, limit=10) == Subgraph((), (), False)
    assert store.around(B, hops=2, limit=10) == Subgraph((B,), (), False)


def test_the_tail_tells_of_an_erasure_by_its_tombstone_alone(store: GraphStore) -> None:
    cursor = store.write(FACTS).cursor
    store.forget(A)
    tail = store.changes(cursor)
    assert tail.items == (Removed(Customer, ("a",)),)
    assert tail.cursor > cursor


def test_a_follower_who_was_late_hears_of_an_erasure_even_if_the_person_came_back(store: GraphStore) -> None:
    cursor = store.write([bought("1")]).cursor
    store.forget(A)
    store.write([bought("2")])
    assert store.changes(cursor).items == (Removed(Customer, ("a",)), Customer(id="a"), bought("2"))


def test_forgetting_somebody_unknown_removes_nothing(store: GraphStore) -> None:
    before = store.write([bought("1", customer="b")]).cursor
    assert store.forget(A) == Erasure(A, {})
    assert store.changes(before).items == ()


# ---- exclusive


def test_a_transaction_reads_its_own_writes_and_keeps_them(store: GraphStore) -> None:
    with store.exclusive("test") as transaction:
        transaction.write([bought("1")])
        assert transaction.get(Purchase, ("1",)) == bought("1")
        assert transaction.write([bought("1")]).changed == 0
    assert store.get(Purchase, ("1",)) == bought("1")


def test_a_transaction_left_by_an_exception_is_undone(store: GraphStore) -> None:
    written = store.write([Customer(id="a", name="Ann")])
    with suppress(ZeroDivisionError), store.exclusive("test") as transaction:
        assert transaction.write([Customer(id="a", name="Anna"), bought("1", customer="new")]).changed == 2
        raise ZeroDivisionError
    assert everything(store) == {Customer(id="a", name="Ann")}
    assert store.changes(written.cursor).items == ()
    store.write([bought("1", customer="new")])
    assert store.get(Customer, ("new",)) == Customer(id="new")


def test_a_write_that_fails_inside_a_transaction_is_undone_alone(store: GraphStore) -> None:
    with store.exclusive("test") as transaction:
        transaction.write([bought("1")])
        with pytest.raises((ValueError, Invalid)):
            transaction.write(Columns(Purchase, {"id": ["2", "3"], "customer": ["b", "b"], "product": ["p"]}))
    assert ids(store, Purchase) == ["1"]
    assert store.get(Customer, ("b",)) is None


def test_transactions_of_one_name_are_serial(store: GraphStore) -> None:
    store.write([Customer(id="a", birth_year=0)])

    def work(_: int) -> None:
        for _ in range(10):
            with store.exclusive("counter") as transaction:
                known = transaction.get(Customer, ("a",))
                assert known is not None and known.birth_year is not None
                transaction.write([dataclasses.replace(known, birth_year=known.birth_year + 1)])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert store.get(Customer, ("a",)) == Customer(id="a", birth_year=60)


def test_a_write_waits_for_the_transaction_of_another_thread(store: GraphStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        with store.exclusive("test") as transaction:
            waiting = pool.submit(store.write, [Customer(id="a", name="after")])
            transaction.write([Customer(id="a", name="before")])
        assert waiting.result(timeout=10).changed == 1
    assert store.get(Customer, ("a",)) == Customer(id="a", name="after")


# ---- check and close


def test_check_counts_the_records_of_each_table(store: GraphStore) -> None:
    written = store.write(FACTS)
    health = store.check()
    assert health.store == store.name
    assert health.cursor == written.cursor
    assert health.counts == dict.fromkeys((kind.table for kind in KINDS.values()), 1) | {"customers": 3}


def test_an_empty_store_stands_at_the_start(store: GraphStore) -> None:
    assert store.check().cursor == START == Cursor(0)
    assert set(store.check().counts.values()) == {0}


def test_closing_twice_is_closing_once(store: GraphStore) -> None:
    store.close()
    store.close()


def test_everybody_reads_while_others_write(store: GraphStore) -> None:
    stop = threading.Event()

    def follow() -> set[str]:
        seen, cursor = set[str](), START
        while True:
            finished = stop.is_set()
            part = store.changes(cursor, 50)
            cursor = part.cursor
            seen |= {item.id for item in part.items if isinstance(item, Purchase)}
            if finished and not part.more:
                return seen

    with ThreadPoolExecutor(3) as pool:
        followers = [pool.submit(follow) for _ in range(3)]
        for n in range(60):
            store.write([bought(str(n))])
        stop.set()
        assert [len(follower.result(timeout=20)) for follower in followers] == [60, 60, 60]
