"""A store that goes away, hangs and comes back: who asks is answered in time, and what was acknowledged is found, once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from graph.columns import Columns
from graph.errors import Invalid, Unavailable
from graph.records import Block, Customer, CustomerId, Friendship, Product, Purchase
from graph.schema import kind_of
from graph.store import (
    START,
    Changes,
    Cursor,
    Erasure,
    Facts,
    GraphStore,
    Removed,
    SupportsBackup,
    Transaction,
    Written,
)
from graph.stores.memory import MemoryStore
from graph.stores.spool import Spool
from graph.stores.spooled import SpooledStore
from graph.stores.sqlite import SqliteStore
from tests.records import FACTS, bought, everything, ids

POLL = 0.02
NEVER = 600.0
PATIENCE = 0.5
A = CustomerId("a")


class Moody(SqliteStore):
    """A store in a file that can be told to be away, to hang, and to lose the reply to a write."""

    name = "moody"

    def __init__(self, path: Path) -> None:
        self.away = self.loses = False
        self.trouble: Exception | None = None
        self.calls: list[str] = []
        self._awake = threading.Event()
        self._awake.set()
        super().__init__(path)

    def hang(self) -> None:
        self._awake.clear()

    def wake(self) -> None:
        self._awake.set()

    def asked(self, name: str) -> None:
        self.calls.append(name)
        if not self._awake.is_set():
            assert self._awake.wait(30)
            raise Unavailable("the connection was dropped")
        if self.away:
            raise Unavailable("no route to the store")
        if self.trouble:
            raise self.trouble

    def write(self, facts: Facts) -> Written:
        self.asked("write")
        written = super().write(facts)
        if self.loses:
            raise Unavailable("the reply was lost")
        return written


class Droppable(Moody):
    """The same with connections that can be dropped: the calls that hang end."""

    def disconnect(self) -> None:
        self.calls.append("disconnect")
        self.wake()


def _moody(name: str) -> Callable[..., Any]:
    def call(self: Moody, *arguments: Any, **options: Any) -> Any:
        self.asked(name)
        return getattr(SqliteStore, name)(self, *arguments, **options)

    return call


for _name in ("remove", "read", "get", "known", "changes", "around", "exclusive", "forget", "check"):
    setattr(Moody, _name, _moody(_name))


@pytest.fixture
def behind(tmp_path: Path) -> Droppable:
    return Droppable(tmp_path / "shop.db")


class Noticed(Spool):
    """A spool that tells when the keeper has had its turn: it scrubs at the end of each."""

    def __init__(self, path: Path) -> None:
        self.looked = threading.Event()
        super().__init__(path)

    def scrub(self) -> None:
        super().scrub()
        self.looked.set()


Open = Callable[..., SpooledStore]

NAMING_A = {kind_of(type(fact)).table: 1 for fact in FACTS if not isinstance(fact, Product | Friendship)}
"""What there is to forget about ``a`` when their friendship is gone."""


@pytest.fixture
def open_spooled(tmp_path: Path, behind: Droppable) -> Iterator[Open]:
    """Opens wrappers, which are closed at the end. A keeper that shall never look again has had its first turn."""
    with ExitStack() as stack:

        def opened(store: GraphStore | None = None, **options: Any) -> SpooledStore:
            settings = {"patience": PATIENCE, "poll": POLL} | options
            spool = Noticed(tmp_path / "spool.db")
            spooled = SpooledStore(store or behind, spool, **settings)
            stack.callback(spooled.close)
            if settings["poll"] == NEVER:
                assert spool.looked.wait(10)
            return spooled

        yield opened
        behind.wake()


@pytest.fixture
def store(open_spooled: Open) -> SpooledStore:
    return open_spooled()


def eventually(true: Callable[[], object], patience: float = 10.0) -> bool:
    end = time.monotonic() + patience
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(true())


def lose(store: SpooledStore, behind: Moody) -> None:
    behind.away = True
    assert eventually(lambda: store.away)


def come_back(store: SpooledStore, behind: Moody) -> None:
    behind.away = False
    assert eventually(lambda: not store.away and not store.waiting())


class Timer:
    def __enter__(self) -> Timer:
        self.began = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = time.monotonic() - self.began


# ---- while all is well


def test_it_is_the_store_behind_by_name_and_in_all_it_does(store: SpooledStore, behind: Moody) -> None:
    assert store.name == "moody"
    assert store.write(FACTS).changed == len(FACTS)
    assert everything(store) == everything(behind)
    assert store.get(Purchase, ("2",)) == behind.get(Purchase, ("2",))
    assert store.check() == behind.check()
    assert store.around(A, hops=1, limit=5) == behind.around(A, hops=1, limit=5)
    assert store.changes(START) == behind.changes(START)
    assert [list(batch["id"]) for batch in store.read(Customer, columns=("id",), until=Cursor(1))] == [["a"]]
    assert store.remove(Friendship, ("a", "b")).changed == 1
    assert store.forget(A) == Erasure(A, NAMING_A)
    assert store.waiting() == 0


def test_an_iterator_is_written_whole_also_if_the_store_fails_at_it(store: SpooledStore, behind: Moody) -> None:
    behind.away = True
    assert store.write(bought(str(n)) for n in range(3)).changed == 3
    come_back(store, behind)
    assert ids(store, Purchase) == ["0", "1", "2"]


def test_what_the_store_refuses_is_the_callers_to_know(store: SpooledStore) -> None:
    with pytest.raises(Invalid, match="purchases"):
        store.write(Columns(Purchase, {"id": ["1"], "customer": ["a"]}))
    with pytest.raises(Invalid, match="forget"):
        store.remove(Customer, ("a",))
    assert not store.away
    assert store.waiting() == 0


def test_own_writes_are_in_the_next_changes_at_once(store: SpooledStore) -> None:
    cursor = START
    for n in range(50):
        store.write([bought(str(n))])
        tail = store.changes(cursor)
        assert bought(str(n)) in tail.items
        cursor = tail.cursor
    store.remove(Purchase, ("7",))
    tail = store.changes(cursor)
    assert tail.items == (Removed(Purchase, ("7",)),)
    with store.exclusive("test") as transaction:
        transaction.write([bought("50")])
    tail = store.changes(tail.cursor)
    assert tail.items == (bought("50"),)
    store.forget(A)
    assert store.changes(tail.cursor).items == (Removed(Customer, ("a",)),)


def test_changes_are_asked_of_the_store_only_if_there_are_some(open_spooled: Open, behind: Moody) -> None:
    store = open_spooled(poll=NEVER)
    cursor = store.write([bought("1")]).cursor
    assert eventually(lambda: "changes" in behind.calls)
    behind.calls.clear()
    for _ in range(1000):
        assert store.changes(cursor) == Changes(cursor, (), False)
    assert behind.calls == []


def test_news_of_other_processes_are_seen_with_the_next_poll(store: SpooledStore, tmp_path: Path) -> None:
    cursor = store.write([bought("1")]).cursor
    assert store.changes(cursor).items == ()
    with closing(SqliteStore(tmp_path / "shop.db")) as other:
        for n in range(2, 10):
            other.write([bought(str(n))])
    assert eventually(lambda: store.changes(cursor).items)
    assert [item.id for item in store.changes(cursor).items] == [str(n) for n in range(2, 10)]
    first = store.changes(cursor, limit=3)
    assert (first.more, len(first.items)) == (True, 3)
    assert len(store.changes(first.cursor).items) == 5


def test_a_tail_that_was_cut_short_goes_on(open_spooled: Open, behind: Moody) -> None:
    SqliteStore.write(behind, [bought(str(n)) for n in range(5)])
    store = open_spooled(poll=NEVER)
    assert eventually(lambda: "changes" in behind.calls)
    seen, tail = [], store.changes(START, limit=2)
    while tail.items:
        seen += tail.items
        tail = store.changes(tail.cursor, limit=2)
    assert seen == list(behind.changes(START).items)


def test_trouble_of_the_keeper_is_told_once_and_it_goes_on(
    store: SpooledStore, behind: Moody, caplog: pytest.LogCaptureFixture
) -> None:
    behind.trouble = ZeroDivisionError("a defect")
    behind.calls.clear()
    assert eventually(lambda: len(behind.calls) >= 5)
    assert [record.getMessage() for record in caplog.records] == ["looking after the moody store: a defect"]
    behind.trouble = None
    lose(store, behind)
    store.write([bought("1")])
    come_back(store, behind)
    assert ids(store, Purchase) == ["1"]


# ---- away


def test_while_it_is_away_writes_wait_and_all_else_is_refused_at_once(store: SpooledStore, behind: Moody) -> None:
    store.write([bought("0")])
    lose(store, behind)
    uses: list[Callable[[], object]] = [
        lambda: store.remove(Purchase, ("0",)),
        lambda: list(store.read(Purchase)),
        lambda: store.get(Purchase, ("0",)),
        lambda: store.changes(START),
        lambda: store.around(A, hops=1, limit=1),
        lambda: store.exclusive("test").__enter__(),
        lambda: store.forget(A),
        store.check,
    ]
    behind.calls.clear()
    with Timer() as timer:
        for use in uses:
            with pytest.raises(Unavailable, match=r"moody store is away \(no route to the store\).*events are kept"):
                use()
        assert store.write([bought("1"), bought("2")]) == Written(store._place, 2)
    assert timer.seconds < PATIENCE
    assert set(behind.calls) <= {"changes"}, "only the keeper tries"
    assert store.waiting() == 2
    come_back(store, behind)
    assert ids(store, Purchase) == ["0", "1", "2"]


def test_the_write_that_finds_out_is_kept_as_well(open_spooled: Open, behind: Moody) -> None:
    store = open_spooled(poll=0.2)
    store.write([bought("0")])
    behind.away = True
    assert store.write([bought("1")]).changed == 1
    assert store.away
    assert store.waiting() == 1
    come_back(store, behind)
    assert ids(store, Purchase) == ["0", "1"]


def test_a_write_whose_reply_was_lost_counts_once(open_spooled: Open, behind: Moody) -> None:
    store = open_spooled(poll=0.2)
    behind.loses = True
    for n in range(20):
        store.write([bought(str(n)), Product(id="p", price=n)])
    behind.loses = False
    come_back(store, behind)
    assert sorted(ids(store, Purchase)) == sorted(map(str, range(20)))
    assert store.get(Product, ("p",)) == Product(id="p", price=19)


def test_what_waits_is_known_by_its_key(store: SpooledStore, behind: Moody) -> None:
    store.write([Product(id="p", price=1), bought("1", quantity=1)])
    lose(store, behind)
    store.write([Product(id="p", price=2), bought("1", quantity=2), bought("2")])
    assert store.get(Product, ("p",)) == Product(id="p", price=2)
    assert store.get(Purchase, ("2",)) == bought("2")
    come_back(store, behind)
    assert store.get(Product, ("p",)) == Product(id="p", price=2)
    assert store.get(Purchase, ("1",)) == bought("1", quantity=1)


def test_an_event_that_is_stored_and_waits_again_is_the_one_that_is_stored(store: SpooledStore) -> None:
    store.write([bought("1", quantity=1)])
    with store.spool._file.sole(patience=5):  # as if another process were about to hand over
        store.spool.append([bought("1", quantity=2), Product(id="p", price=3)])
        assert store.get(Purchase, ("1",)) == bought("1", quantity=1)
        assert store.get(Product, ("p",)) == Product(id="p", price=3)


def test_which_are_known_is_told_of_what_is_stored_and_what_waits(store: SpooledStore, behind: Moody) -> None:
    keys = [("1",), ("2",), ("3",)]
    store.write([bought("1")])
    assert store.known(Purchase, keys) == {("1",)}
    lose(store, behind)
    store.write([bought("2")])
    assert store.known(Purchase, keys) == {("2",)}, "of the others nobody can tell"
    come_back(store, behind)
    assert store.known(Purchase, keys) == {("1",), ("2",)}
    with store.spool._file.sole(patience=5):
        store.spool.append([bought("3")])
        assert store.known(Purchase, keys) == set(keys)


def test_a_store_that_is_away_from_the_start_is_no_obstacle(open_spooled: Open, behind: Moody) -> None:
    behind.away = True
    store = open_spooled()
    assert store.write([bought("1")]).changed == 1
    come_back(store, behind)
    assert ids(store, Purchase) == ["1"]


def test_a_server_that_refuses_the_login_is_away_and_no_fact_is_blamed(store: SpooledStore, behind: Moody) -> None:
    behind.trouble = Invalid("the server refuses user kith", field="store")
    with pytest.raises(Unavailable, match="refuses user"):
        store.get(Purchase, ("1",))
    assert store.write([bought("1")]).changed == 1
    time.sleep(5 * POLL)
    assert (store.away, store.waiting(), store.spool.refused()) == (True, 1, [])
    behind.trouble = None
    come_back(store, behind)
    assert ids(store, Purchase) == ["1"]


def test_what_could_never_be_stored_is_refused_before_it_waits(open_spooled: Open, behind: Moody) -> None:
    def check(batch: Columns[Any]) -> None:
        if "bad" in batch["id"]:
            raise Invalid("a bad id", field="id")

    store = open_spooled(check=check)
    lose(store, behind)
    for facts in (
        [bought("1"), bought("bad")],
        Columns(Purchase, {"id": ["bad"], "customer": ["a"], "product": ["p"]}),
    ):
        with pytest.raises(Invalid, match="a bad id"):
            store.write(facts)
    with store.spool._file.sole(patience=5):
        come_back_without_draining(store, behind)
        store.spool.append([bought("2")])
        with pytest.raises(Invalid, match="a bad id"):
            store.write([bought("bad")])
    assert eventually(lambda: ids(store, Purchase) == ["2"])


def come_back_without_draining(store: SpooledStore, behind: Moody) -> None:
    behind.away = False
    assert eventually(lambda: not store.away)


def test_a_field_that_is_missing_is_refused_before_it_waits(store: SpooledStore, behind: Moody) -> None:
    lose(store, behind)
    with pytest.raises(Invalid, match="product"):
        store.write(Columns(Purchase, {"id": ["1"], "customer": ["a"]}))
    assert store.waiting() == 0


def test_a_record_that_the_store_refuses_later_does_not_block_the_others(store: SpooledStore, behind: Moody) -> None:
    lose(store, behind)
    store.write([bought("1")])
    store.write(Columns(Purchase, {"id": ["2"], "customer": ["a"], "product": ["p"], "quantity": ["many"]}))
    store.write([bought("3")])
    come_back(store, behind)
    assert ids(store, Purchase) == ["1", "3"]
    assert [refusal.table for refusal in store.spool.refused()] == ["purchases"]


def test_when_the_disk_is_full_too_nothing_is_acknowledged(
    store: SpooledStore, behind: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(store, behind)

    def full(*arguments: object, **options: object) -> bool:
        raise Unavailable("spool.db: the disk is full; free space and try again")

    with monkeypatch.context() as patch:
        patch.setattr(store.spool, "append", full)
        with pytest.raises(Unavailable, match="the disk is full"):
            store.write([bought("1")])
    store.write([bought("2")])
    come_back(store, behind)
    assert ids(store, Purchase) == ["2"]


def test_going_and_coming_are_told_once_each(
    store: SpooledStore, behind: Moody, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "kith"):
        lose(store, behind)
        store.write([bought("1"), bought("2")])
        time.sleep(10 * POLL)
        come_back(store, behind)
        assert eventually(lambda: len(caplog.records) == 2)
    told = [record.getMessage() for record in caplog.records]
    assert "moody store is away" in told[0]
    assert "spool.db: no route to the store" in told[0]
    assert "is back; 2 facts" in told[1]


# ---- hung


def test_a_call_that_is_not_answered_ends_in_time_and_connections_are_dropped(
    open_spooled: Open, behind: Droppable
) -> None:
    store = open_spooled(poll=NEVER)
    assert eventually(lambda: behind.calls == ["changes"])
    behind.hang()
    with Timer() as timer, pytest.raises(Unavailable, match=r"moody store did not answer within 0\.5 s"):
        store.get(Purchase, ("1",))
    assert PATIENCE <= timer.seconds < 3 * PATIENCE
    assert store.away
    assert eventually(lambda: "disconnect" in behind.calls)
    with Timer() as timer, pytest.raises(Unavailable, match="away"):
        store.get(Purchase, ("1",))
    assert timer.seconds < PATIENCE / 2


def test_a_write_that_hangs_is_kept_and_found_once(store: SpooledStore, behind: Droppable) -> None:
    behind.hang()
    with Timer() as timer:
        assert store.write([bought("1")]).changed == 1
    assert timer.seconds < 4 * PATIENCE
    come_back(store, behind)
    assert ids(store, Purchase) == ["1"]


def test_the_keeper_notices_a_store_that_hangs_though_nobody_asks(store: SpooledStore, behind: Droppable) -> None:
    behind.hang()
    assert eventually(lambda: store.away)
    assert eventually(lambda: not store.away), "as dropping the connections helped"


def test_threads_do_not_pile_up_before_a_store_that_hangs(tmp_path: Path, open_spooled: Open) -> None:
    stuck = Moody(tmp_path / "stuck.db")  # nothing can be dropped here
    store = open_spooled(stuck)
    store.write([bought("0")])
    stuck.hang()
    with ThreadPoolExecutor(8) as pool:
        assert all(call.changed == 1 for call in pool.map(lambda n: store.write([bought(str(n))]), range(1, 9)))
        before = threading.active_count()
        assert all(call.changed == 1 for call in pool.map(lambda n: store.write([bought(str(n))]), range(9, 300)))
        assert threading.active_count() <= before
    time.sleep(5 * POLL)
    assert store.away
    assert len(stuck.calls) < 20
    stuck.wake()
    assert eventually(lambda: not store.away and not store.waiting())
    assert sorted(ids(store, Purchase)) == sorted(map(str, range(300)))
    assert eventually(lambda: store._running == 0)


def test_it_is_not_back_before_every_call_that_was_given_up_has_ended(tmp_path: Path, open_spooled: Open) -> None:
    """Otherwise a write that was given up could be carried out after the newer ones that waited."""
    late = threading.Event()

    class Late(Moody):
        def write(self, facts: Facts) -> Written:
            if facts == [Product(id="p", price=1)]:  # the first time; from the queue come columns
                assert late.wait(30)
            return super().write(facts)

    store = open_spooled(Late(tmp_path / "late.db"))
    store.write([Product(id="p", price=1)])
    assert store.away
    store.write([Product(id="p", price=2)])
    time.sleep(5 * POLL)
    assert store.away
    late.set()
    assert eventually(lambda: not store.away and not store.waiting())
    assert store.get(Product, ("p",)) == Product(id="p", price=2)


def test_a_reading_is_bounded_batch_by_batch(open_spooled: Open, behind: Droppable, monkeypatch: Any) -> None:
    monkeypatch.setattr("graph.stores.spooled._LONG", 1)
    monkeypatch.setattr("graph.stores.sqlite._BATCH", 2)
    store = open_spooled(poll=NEVER)
    store.write([bought(str(n)) for n in range(5)])
    batches = store.read(Purchase)
    assert [len(next(batches)) for _ in range(2)] == [2, 2]
    reading = SqliteStore.read

    def slow(self: SqliteStore, *arguments: Any, **options: Any) -> Iterator[Any]:
        for batch in reading(self, *arguments, **options):
            yield batch
            behind.hang()
            behind.asked("batch")

    monkeypatch.setattr(SqliteStore, "read", slow)
    batches = store.read(Purchase)
    assert len(next(batches)) == 2
    with Timer() as timer, pytest.raises(Unavailable, match="did not answer"):
        next(batches)
    assert timer.seconds < 3 * PATIENCE


def test_a_reading_that_is_left_early_gives_its_connection_back(store: SpooledStore, behind: Moody) -> None:
    store.write(FACTS)
    idle = len(behind._readers._idle)
    for _ in range(20):
        batches = store.read(Customer)
        next(batches)
        batches.close()
    assert eventually(lambda: store._running == 0)
    assert len(behind._readers._idle) <= idle + 3


# ---- the order of things


def test_what_is_written_behind_others_that_wait_does_not_overtake_them(store: SpooledStore, behind: Moody) -> None:
    with store.spool._file.sole(patience=5):
        store.spool.append([Product(id="p", price=1)])
        assert store.write([Product(id="p", price=2)]).changed == 1
        assert store.waiting() == 2
        assert not store.away
    assert eventually(lambda: not store.waiting())
    assert store.get(Product, ("p",)) == Product(id="p", price=2)
    store.write([Product(id="p", price=3)])
    assert behind.get(Product, ("p",)) == Product(id="p", price=3)


def test_a_removal_comes_after_what_waits(open_spooled: Open, behind: Moody) -> None:
    store = open_spooled(poll=NEVER)
    store.spool.append([Block(customer="a", other="b"), bought("1")])
    assert store.remove(Block, ("a", "b")).changed == 1
    assert store.waiting() == 0
    assert behind.get(Block, ("a", "b")) is None
    assert behind.get(Purchase, ("1",)) == bought("1")


def test_a_removal_that_cannot_come_after_what_waits_is_not_done(store: SpooledStore, behind: Moody) -> None:
    store.write([Block(customer="a", other="b")])
    with store.spool._file.sole(patience=5):
        store.spool.append([bought("1")])
        with pytest.raises(Unavailable, match="not been stored yet; try again"):
            store.remove(Block, ("a", "b"))
    assert behind.get(Block, ("a", "b")) is not None


def test_a_transaction_sees_what_waited(open_spooled: Open) -> None:
    store = open_spooled(poll=NEVER)
    store.spool.append([Customer(id="counter", birth_year=5)])
    with store.exclusive("counter") as transaction:
        assert transaction.get(Customer, ("counter",)) == Customer(id="counter", birth_year=5)


def test_nobody_who_was_forgotten_comes_back_from_the_queue(open_spooled: Open, behind: Moody) -> None:
    store = open_spooled(poll=NEVER)
    store.write([Customer(id="a", name="Ann")])
    store.spool.append([bought("1"), bought("2"), bought("3", customer="b"), Friendship.between("a", "b")])
    erasure = store.forget(A)
    assert erasure.customer == A
    assert erasure.removed == {"customers": 1, "purchases": 2, "friends": 1}
    assert store.waiting() == 1
    store._drain()
    assert {record for record in everything(behind) if "a" in (getattr(record, "customer", 0), record)} == set()
    assert behind.get(Customer, ("a",)) is None
    assert ids(store, Purchase) == ["3"]


def test_somebody_who_only_waited_is_forgotten_too(open_spooled: Open) -> None:
    store = open_spooled(poll=NEVER)
    store.spool.append([bought("1")])
    assert store.forget(A).removed == {"purchases": 1}
    assert store.waiting() == 0


# ---- transactions


def test_a_transaction_is_carried_out_or_undone_as_a_whole(store: SpooledStore) -> None:
    with store.exclusive("test") as transaction:
        assert transaction.write(iter([bought("1"), bought("2")])).changed == 2
        assert transaction.get(Purchase, ("1",)) == bought("1")
        assert store.get(Purchase, ("1",)) is None

    def fail() -> None:
        with store.exclusive("test") as transaction:
            transaction.write([bought("3")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ids(store, Purchase) == ["1", "2"]
    store.write([bought("4")])
    assert eventually(lambda: store._running == 0)


def test_a_transaction_that_failed_is_undone_before_anybody_goes_on(open_spooled: Open) -> None:
    class Slow(MemoryStore):
        @contextmanager
        def exclusive(self, name: str) -> Iterator[Transaction]:
            with super().exclusive(name) as transaction:
                try:
                    yield transaction
                finally:
                    time.sleep(0.1)

    store = open_spooled(Slow())
    with suppress(ZeroDivisionError), store.exclusive("test") as transaction:
        transaction.write([bought("1")])
        raise ZeroDivisionError
    assert store.get(Purchase, ("1",)) is None


def test_transactions_of_many_threads_are_serial(store: SpooledStore) -> None:
    def increment(_: int) -> None:
        with store.exclusive("counter") as transaction:
            known = transaction.get(Customer, ("counter",))
            transaction.write([Customer(id="counter", birth_year=(known.birth_year or 0) + 1 if known else 1)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(60)))
    assert store.get(Customer, ("counter",)) == Customer(id="counter", birth_year=60)


def test_a_transaction_whose_store_goes_away_is_undone_and_the_lock_is_free_again(
    open_spooled: Open, behind: Droppable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.stores.spooled._LONG", 1)
    store = open_spooled(poll=0.1)

    def hang(*arguments: object) -> None:
        behind.hang()
        behind.asked("get")

    def lose_the_store() -> None:
        with store.exclusive("test") as transaction:
            transaction.write([bought("1")])
            monkeypatch.setattr("graph.stores.sqlite._Exclusive.get", hang)
            transaction.get(Purchase, ("1",))

    with pytest.raises(Unavailable, match="did not answer"):
        lose_the_store()
    assert store.away
    come_back(store, behind)
    assert store.write([bought("2")]).changed == 1
    assert ids(store, Purchase) == ["2"]


# ---- the end


def test_what_waits_at_the_end_is_stored_by_the_next_process(open_spooled: Open, behind: Moody, tmp_path: Path) -> None:
    store = open_spooled()
    lose(store, behind)
    store.write([bought("1")])
    store.close()
    again = open_spooled(SqliteStore(tmp_path / "shop.db"))
    assert eventually(lambda: not again.waiting())
    assert ids(again, Purchase) == ["1"]


def test_what_another_process_left_is_stored_by_this_one(store: SpooledStore, tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool.db")) as other:
        other.append([bought("1")])
    assert eventually(lambda: ids(store, Purchase) == ["1"])


def test_closing_ends_the_threads_promptly(open_spooled: Open, behind: Moody) -> None:
    before = threading.active_count()
    store = open_spooled(poll=NEVER)
    store.write([bought("1")])
    assert threading.active_count() > before
    with Timer() as timer:
        store.close()
    assert timer.seconds < 1
    assert eventually(lambda: threading.active_count() <= before)
    for use in (lambda: store.write([bought("2")]), lambda: store.get(Purchase, ("1",))):
        with pytest.raises(Unavailable, match="closed"):
            use()


def test_closing_does_not_wait_for_a_store_that_hangs(open_spooled: Open, behind: Droppable, monkeypatch: Any) -> None:
    monkeypatch.setattr(Droppable, "disconnect", lambda self: None)
    monkeypatch.setattr("graph.stores.spooled._LEAVE", 0.1)
    store = open_spooled(patience=5)
    behind.hang()
    with ThreadPoolExecutor(1) as pool:
        calls = len(behind.calls)
        asking = pool.submit(store.get, Purchase, ("1",))
        assert eventually(lambda: len(behind.calls) > calls + 1)
        with Timer() as timer:
            store.close()
        assert timer.seconds < 2
        with pytest.raises(Unavailable, match="closed"):
            asking.result(5)


def test_it_promises_no_more_than_it_can(store: SpooledStore) -> None:
    assert not isinstance(store, SupportsBackup)


# ---- all at once


def disturb(store: SpooledStore, behind: Droppable, random: Random, enough: Callable[[int], bool]) -> list[str]:
    """Let the store go away, hang or lose replies, and come back before the next time; the moods that were noticed."""
    noticed: list[str] = []
    while not enough(len(noticed)):
        time.sleep(random.uniform(0.01, 0.05))
        mood = random.choice(["away", "away", "hung", "loses"])
        if mood == "hung":
            behind.hang()
        else:
            setattr(behind, mood, True)
        time.sleep(random.uniform(0.02, 0.06))
        if eventually(lambda: store.away, patience=random.choice([0.0, 0.3])):
            noticed.append(mood)
        behind.away = behind.loses = False
        behind.wake()
        assert eventually(lambda: not store.away)
    return noticed


def test_under_stress_everything_acknowledged_is_found_once_and_in_order(
    open_spooled: Open, behind: Droppable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Eight threads write 2,000 events while the store goes away and comes back at least twenty times."""
    store, threads, events, outages = open_spooled(patience=0.2), 8, 250, 20
    gone = threading.Semaphore(0)

    def work(name: int) -> None:
        pace = Random(name)
        for n in range(events):
            event = bought(f"{name}-{n:03d}", customer=f"c{name}")
            assert store.write([event, Product(id=f"p{name}", price=n)]).changed >= 1
            assert store.write([Customer(id=f"c{name}", birth_year=n)]).cursor >= START
            time.sleep(pace.uniform(0, 0.02))
        gone.release()

    def enough(count: int) -> bool:
        return count >= outages and gone._value == threads

    with ThreadPoolExecutor(threads + 1) as pool:
        disturbing = pool.submit(disturb, store, behind, Random(31), enough)
        list(pool.map(work, range(threads)))
        moods = disturbing.result(60)
    assert set(moods) == {"away", "hung", "loses"}
    assert eventually(lambda: sum("is back" in record.getMessage() for record in caplog.records) >= outages)
    come_back(store, behind)
    assert store.spool.refused() == []
    with closing(SqliteStore(tmp_path / "shop.db")) as plain:
        found = ids(plain, Purchase)
        assert len(found) == len(set(found))
        assert set(found) == {f"{name}-{n:03d}" for name in range(threads) for n in range(events)}
        for name in range(threads):
            assert plain.get(Product, (f"p{name}",)) == Product(id=f"p{name}", price=events - 1)
            assert plain.get(Customer, (f"c{name}",)) == Customer(id=f"c{name}", birth_year=events - 1)
    assert eventually(lambda: store.write([Customer(id="afterwards")]) and not store.waiting())
