"""The spool keeps facts durably and in order, hands each over, and loses none: not to death, a full disk or a bad record."""

from __future__ import annotations

import json
import logging
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns import Columns
from graph.errors import Damaged, Invalid, Unavailable
from graph.records import Customer, CustomerId, Friendship, Product, Purchase, Record, Review
from graph.schema import KINDS
from graph.stores.memory import MemoryStore
from graph.stores.spool import Kept, Spool
from graph.stores.sqlite import SqliteStore
from tests.records import FACTS, bought, ids, key, records_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    with closing(Spool(path)) as opened:
        yield opened


class Taken:
    """Takes facts, and notes how they came."""

    def __init__(self, refuses: Callable[[Record], bool] = lambda record: False) -> None:
        self.calls: list[list[Record]] = []
        self.tries = 0
        self._refuses = refuses

    def __call__(self, facts: Kept) -> None:
        self.tries += 1
        records = list(facts.records()) if isinstance(facts, Columns) else facts
        if any(map(self._refuses, records)):
            raise Invalid("no such thing is stored here")
        self.calls.append(records)

    @property
    def records(self) -> list[Record]:
        return [record for call in self.calls for record in call]


def away(facts: Kept) -> None:
    raise Unavailable("nobody is there")


def drain(spool: Spool, **options: Any) -> list[Record]:
    taken = Taken()
    while spool.drain(taken, **options):
        pass
    return taken.records


def ask(path: Path, question: str) -> object:
    with closing(apsw.Connection(str(path))) as connection:
        return connection.execute(question).get


# ---- in and out


def test_what_went_in_comes_out_in_its_order_and_is_gone(spool: Spool) -> None:
    for n in range(20):
        assert spool.append([bought(str(n))])
    assert spool.waiting() == 20
    assert drain(spool) == [bought(str(n)) for n in range(20)]
    assert (spool.waiting(), drain(spool)) == (0, [])


def test_one_of_each_kind_comes_out_as_it_was(spool: Spool) -> None:
    spool.append(FACTS)
    taken = Taken()
    assert spool.drain(taken) == len(FACTS)
    assert set(taken.records) == set(FACTS)
    assert len(taken.calls) == 1, "what came together is stored together"


def test_every_value_that_a_record_may_have_comes_back_exactly(spool: Spool) -> None:
    @given(st.lists(st.one_of([records_of(kind) for kind in KINDS.values()]), max_size=5))
    def check(facts: list[Record]) -> None:
        spool.append(facts)
        kinds = [type(fact) for fact in facts]
        by_kind = sorted(facts, key=lambda fact: kinds.index(type(fact)))
        assert repr(drain(spool)) == repr(by_kind)  # 1 == 1.0 == True, but not here

    check()


def test_infinite_numbers_come_back_too(spool: Spool) -> None:
    reviews = [Review(id=str(n), customer="a", product="p", rating=n) for n in (float("inf"), float("nan"), -0.0)]
    spool.append(reviews)
    assert repr(drain(spool)) == repr(reviews)


def test_columns_go_in_and_facts_of_one_kind_come_out_as_columns(spool: Spool) -> None:
    spool.append(Columns(Purchase, {"id": ["1", "2"], "customer": ["a", "b"], "product": ["p", "p"]}))
    handed: list[Kept] = []
    assert spool.drain(handed.append) == 2
    (batch,) = handed
    assert isinstance(batch, Columns)
    assert list(batch.records()) == [bought("1"), bought("2", customer="b")]


def test_an_iterator_is_taken_whole(spool: Spool) -> None:
    spool.append(bought(str(n)) for n in range(3))
    assert spool.waiting() == 3


def test_nothing_appended_is_nothing_that_waits(spool: Spool) -> None:
    assert spool.append([])
    assert spool.waiting() == 0
    assert spool.drain(away) == 0


@pytest.mark.parametrize(("limit", "size"), [(1, 30), (7, 30), (600, 1201)])
def test_a_limit_bounds_what_is_handed_over_at_once(spool: Spool, limit: int, size: int) -> None:
    facts = [bought(f"{n:04d}") for n in range(size)]
    for fact in facts:
        spool.append([fact])
    taken = Taken()
    while spool.drain(taken, limit=limit):
        pass
    assert taken.records == facts
    assert max(map(len, taken.calls)) == limit
    assert len(taken.calls) == -(-size // limit)


def test_what_came_together_leaves_together_whatever_the_limit(spool: Spool) -> None:
    orders = [[bought(f"{n}-{line}") for line in "abc"] for n in range(4)]
    for order in orders:
        spool.append(order)
    taken = Taken()
    while spool.drain(taken, limit=4):
        pass
    assert taken.calls == [orders[0] + orders[1], orders[2] + orders[3]]


@pytest.mark.parametrize(
    "facts",
    [
        Columns(Purchase, {"id": ["1"], "customer": ["a"]}),
        Columns(Purchase, {"id": ["1"], "customer": ["a"], "product": ["p"], "colour": ["red"]}),
        Columns(Purchase, {"id": ["1", "2"], "customer": ["a"], "product": ["p", "p"]}),
        [bought("1"), bought("2", order=object())],
    ],
    ids=["a field is missing", "a field too many", "columns of unequal length", "no form in JSON"],
)
def test_what_cannot_be_kept_is_invalid_and_nothing_is(spool: Spool, facts: Any) -> None:
    with pytest.raises(Invalid, match="purchases"):
        spool.append(facts)
    assert spool.waiting() == 0


def test_what_comes_behind_is_kept_only_if_something_waits(spool: Spool) -> None:
    assert not spool.append([bought("1")], behind=True)
    assert spool.waiting() == 0
    spool.append([bought("2")])
    assert spool.append([bought("3")], behind=True)
    assert drain(spool) == [bought("2"), bought("3")]
    assert not spool.append([bought("4")], behind=True)


# ---- looking


def test_a_waiting_entity_is_found_in_its_newest_form_and_an_event_in_its_first(spool: Spool) -> None:
    for price in (1, 2):
        spool.append([Product(id="p", price=price), bought("1", price=price)])
    assert spool.get(Product, ("p",)) == Product(id="p", price=2)
    assert spool.get(Purchase, ("1",)) == bought("1", price=1)
    assert spool.get(Purchase, ("2",)) is None
    drain(spool)
    assert spool.get(Product, ("p",)) is None


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_every_kind_is_found_by_its_key(spool: Spool, fact: Record) -> None:
    spool.append(FACTS)
    assert spool.get(type(fact), key(fact)) == fact


def test_which_of_many_keys_wait_is_one_question(spool: Spool) -> None:
    odd = ["é", '"', "\\", "\\u00e9", "a\x00b", "\N{ROCKET}", "", "[", "1"]
    spool.append([bought(id) for id in odd])
    spool.append([bought("1"), Friendship(customer="a", friend="b"), Friendship(customer="1", friend="")])
    assert spool.known(Purchase, [(id,) for id in [*odd, "e", "2", "1"]]) == {(id,) for id in odd}
    assert spool.known(Friendship, [("a", "b"), ("b", "a"), ("1", "")]) == {("a", "b"), ("1", "")}
    assert spool.known(Product, [("1",)]) == set()
    assert spool.known(Purchase, []) == set()


def test_to_ask_how_many_wait_costs_the_same_however_many_they_are(spool: Spool) -> None:
    def seconds() -> float:
        began = time.perf_counter()
        for _ in range(200):
            spool.waiting()
        return time.perf_counter() - began

    empty = min(seconds() for _ in range(5))
    spool.append([bought(str(n)) for n in range(50_000)])
    assert spool.waiting() == 50_000
    assert min(seconds() for _ in range(5)) < 5 * empty


# ---- the store behind fails


def test_while_the_store_is_away_everything_stays(spool: Spool) -> None:
    facts = [bought(str(n)) for n in range(700)]
    spool.append(facts)
    for _ in range(3):
        with pytest.raises(Unavailable, match="nobody is there"):
            spool.drain(away, limit=100)
    assert spool.waiting() == 700
    assert drain(spool) == facts


def test_a_defect_of_the_store_loses_nothing(spool: Spool) -> None:
    spool.append([bought("1")])
    with pytest.raises(ZeroDivisionError):
        spool.drain(lambda facts: 1 / 0)
    assert drain(spool) == [bought("1")]


@pytest.mark.parametrize("size", [20, 1_500])
def test_bad_records_are_put_aside_with_the_reason_and_the_rest_passes(
    spool: Spool, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    facts = [bought(f"{n:04d}") for n in range(size)]
    bad = {facts[0], facts[11], facts[12], facts[-1]}
    spool.append(facts)
    taken = Taken(bad.__contains__)
    with caplog.at_level(logging.WARNING, "kith"):
        assert spool.drain(taken, limit=size) == size
    assert taken.records == [fact for fact in facts if fact not in bad]
    assert spool.waiting() == 0
    refused = spool.refused()
    assert [json.loads(each.record)["id"] for each in refused] == sorted(fact.id for fact in bad)
    assert {(each.table, each.reason) for each in refused} == {("purchases", "no such thing is stored here")}
    assert "4 facts are refused" in caplog.text
    assert taken.tries < 100, "found by halving"


def test_what_was_refused_can_be_let_in_again(spool: Spool) -> None:
    spool.append([bought("1")])
    spool.drain(Taken(lambda record: True))
    spool.append([bought("2")])
    assert (spool.waiting(), len(spool.refused())) == (1, 1)
    assert spool.readmit() == 1
    assert spool.refused() == []
    assert drain(spool) == [bought("2"), bought("1")]
    assert spool.readmit() == 0


def test_the_store_going_away_in_the_middle_of_a_search_loses_and_refuses_nothing_wrongly(spool: Spool) -> None:
    facts = [bought(f"{n:02d}") for n in range(40)]
    spool.append(facts)
    bad = Taken(lambda record: record == facts[30])

    def going(some: Kept) -> None:
        if bad.tries == 4:
            raise Unavailable("gone")
        bad(some)

    with pytest.raises(Unavailable):
        spool.drain(going)
    assert spool.refused() == []
    left = spool.waiting()
    assert 0 < left < 40
    assert len(bad.records) == 40 - left
    assert spool.drain(bad) == left
    assert bad.records == [fact for fact in facts if fact != facts[30]]
    assert [json.loads(each.record)["id"] for each in spool.refused()] == ["30"]


def test_rows_of_another_version_are_put_aside_and_the_rest_passes(spool: Spool, path: Path) -> None:
    spool.append([bought(str(n)) for n in range(5)])
    with closing(apsw.Connection(str(path))) as other:
        other.execute("UPDATE waiting SET kind = 'wishes' WHERE seq = 2")
        other.execute("""UPDATE waiting SET record = '{"id": "4", "colour": "red"}' WHERE seq = 4""")
    assert spool.get(Purchase, ("3",)) is None
    assert drain(spool) == [bought("0"), bought("2"), bought("4")]
    assert [each.table for each in spool.refused()] == ["wishes", "purchases"]
    assert all("another version" in each.reason for each in spool.refused())
    assert spool.waiting() == 0


def test_a_field_that_was_added_since_takes_its_default(spool: Spool, path: Path) -> None:
    spool.append([bought("1")])
    with closing(apsw.Connection(str(path))) as other:
        other.execute("UPDATE waiting SET record = json_remove(record, '$.gift')")
    assert drain(spool) == [bought("1", gift=False)]


# ---- several at once


def test_threads_that_append_at_once_share_the_wait_for_the_disk(spool: Spool) -> None:
    transactions: list[str] = []
    spool._file.connection.set_profile(
        lambda statement, _: transactions.append(statement) if statement == "COMMIT" else None
    )
    with ThreadPoolExecutor(16) as pool:
        with spool._file.commits.alone():
            calls = [pool.submit(spool.append, [bought(f"{n:02d}")]) for n in range(16)]
            time.sleep(0.3)
        assert all(call.result(20) for call in calls)
    spool._file.connection.set_profile(None)
    assert len(transactions) < 8
    assert set(drain(spool)) == {bought(f"{n:02d}") for n in range(16)}


def test_only_one_empties_it_at_a_time(path: Path, spool: Spool) -> None:
    spool.append([bought("1")])
    with closing(Spool(path)) as other:
        entered, leave = threading.Event(), threading.Event()

        def slow(facts: Kept) -> None:
            entered.set()
            assert leave.wait(20)

        with ThreadPoolExecutor(1) as pool:
            draining = pool.submit(spool.drain, slow)
            assert entered.wait(20)
            assert other.drain(away) == 0
            assert spool.drain(away) == 0
            leave.set()
            assert draining.result(20) == 1
        assert other.waiting() == 0


def test_a_queue_with_steady_traffic_behind_it_is_empty_in_the_end(path: Path) -> None:
    stop = threading.Event()

    def follow(mine: Spool, name: str) -> tuple[int, bool]:
        """Appends until it need not wait, or must give up; how many waited, and which of both it was."""
        n = 0
        while not stop.is_set() and mine.append([bought(f"{name}-{n}")], behind=True):
            n += 1
        return n, not stop.is_set()

    with closing(Spool(path)) as spool, closing(Spool(path)) as other, ThreadPoolExecutor(4) as pool:
        spool.append([bought(f"{n:04d}") for n in range(2_000)])
        traffic = [pool.submit(follow, mine, str(i)) for i, mine in enumerate((spool, other, spool, other))]
        taken = Taken()
        end = time.monotonic() + 30
        while not all(call.done() for call in traffic) and time.monotonic() < end:
            spool.drain(taken)
        stop.set()
        followed = [call.result(20) for call in traffic]
        assert all(passed for _, passed in followed), "each found an empty queue"
        assert spool.waiting() == 0
        assert len(taken.records) == len(set(taken.records)) == 2_000 + sum(n for n, _ in followed)


def test_who_comes_while_the_last_are_handed_over_waits_for_that_and_then_need_not_queue(spool: Spool) -> None:
    spool.append([bought("1")])
    with ThreadPoolExecutor(1) as pool:
        coming = []

        def write(facts: Kept) -> None:
            coming.append(pool.submit(spool.append, [bought("2")], behind=True))
            time.sleep(0.2)

        assert spool.drain(write) == 1
        assert coming[0].result(20) is False
    assert spool.waiting() == 0


def test_who_comes_while_many_are_handed_over_does_not_wait_for_that(spool: Spool) -> None:
    spool.append([bought(f"{n:04d}") for n in range(1_000)])
    with ThreadPoolExecutor(1) as pool:

        def write(facts: Kept) -> None:
            assert pool.submit(spool.append, [bought("later")], behind=True).result(20)

        assert spool.drain(write) == 1_000
    assert drain(spool) == [bought("later")]


def test_an_append_in_the_same_moment_is_kept_though_the_store_fails(spool: Spool) -> None:
    spool.append([bought("1")])
    with ThreadPoolExecutor(2) as pool:
        with spool._file.commits.alone():
            draining = pool.submit(spool.drain, away)
            time.sleep(0.1)
            appending = pool.submit(spool.append, [bought("2")])
            time.sleep(0.1)
        assert appending.result(20)
        with pytest.raises(Unavailable, match="nobody is there"):
            draining.result(20)
    assert drain(spool) == [bought("1"), bought("2")]


# ---- death, and no room


@contextmanager
def program(path: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """This file as a program, running; killed at the end if it still does."""
    command = [sys.executable, "-m", "tests.unit.test_graph_spool", *map(str, (path, *arguments))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_a_killed_process_appended_waits_whole_and_once_for_the_next(path: Path) -> None:
    random, said, drained = Random(8), [], Taken()
    for turn in range(8):
        with program(path, "flood", turn) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(random.random() * 0.1)
            process.kill()
            lines = (first + process.stdout.read()).splitlines(keepends=True)
            said += [line.strip() for line in lines if line.endswith("\n")]
        assert ask(path, "PRAGMA integrity_check") == "ok"
        with closing(Spool(path)) as spool:
            assert spool.waiting() == ask(path, "SELECT count(*) FROM waiting")
            if turn % 4 == 3:
                while spool.drain(drained):
                    pass
    found = [fact.id for fact in drained.records]
    assert len(found) == len(set(found))
    assert set(said) <= {id[:-2] for id in found}
    assert sorted(id for id in found if id.endswith("a")) == sorted(f"{id[:-1]}a" for id in found if id.endswith("b"))
    assert len(found) - 2 * len(said) <= 8 * 2, "at most one that was not yet said for each that died"
    assert len(said) > 30


def test_a_process_that_dies_while_it_hands_over_doubles_nothing_in_the_store(tmp_path: Path, path: Path) -> None:
    random = Random(9)
    with closing(Spool(path)) as spool:
        for n in range(300):
            spool.append([bought(f"{n:03d}-{line}", customer=f"c{n}") for line in "ab"])
        for _ in range(6):
            with program(path, "pass", tmp_path / "shop.db") as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(random.random() * 0.03)
        assert spool.waiting() < 600
        with closing(SqliteStore(tmp_path / "shop.db")) as store:
            while spool.drain(store.write, limit=10):
                pass
            assert sorted(ids(store, Purchase)) == sorted(f"{n:03d}-{line}" for n in range(300) for line in "ab")


def test_a_full_disk_refuses_cleanly_and_works_again_when_there_is_room(path: Path) -> None:
    with program(path, "starve", 1_000_000) as process:
        said = [line.split(maxsplit=2) for line in process.communicate(timeout=60)[0].splitlines()]
        assert process.returncode == 0
    kept = [int(words[1]) for words in said if words[0] == "kept"]
    (refused,) = (words for words in said if words[0] == "refused")
    assert "spool.db" in refused[2]
    assert "full" in refused[2]
    assert "try again" in refused[2]
    assert ["waiting", str(2 * (len(kept) - 1))] in said, "counted while it was full"
    with closing(Spool(path)) as spool:
        assert sorted(fact.id for fact in drain(spool)) == sorted(f"{n}-{line}" for n in kept for line in "ab")
        assert int(refused[1]) not in kept
    assert ask(path, "PRAGMA integrity_check") == "ok"


# ---- erasure

CANARY = "zz-canary"


def traces(path: Path) -> int:
    """How often the canary is in the bytes of the file, its log and its lock."""
    return sum(found.read_bytes().count(CANARY.encode()) for found in path.parent.glob(f"{path.name}*"))


def about(customer: str, random: Random, size: int) -> list[Record]:
    events = [bought(f"{random.getrandbits(64):x}", customer=customer, order=customer) for _ in range(size)]
    return [*events, Customer(id=customer, name=f"{customer}!"), Product(id=f"by {customer}")]


def test_of_somebody_forgotten_nothing_waits_and_no_byte_is_left(spool: Spool, path: Path) -> None:
    random, theirs, others = Random(4), 0, 0
    for _ in range(30):
        mine = [fact for fact in about(CANARY, random, 5) if not isinstance(fact, Product)]
        rest = about(f"c{random.randrange(99)}", random, 20)
        spool.append(mine)
        spool.append(rest)
        theirs, others = theirs + len(mine), others + len(rest)
    spool.drain(Taken(lambda record: True), limit=200)
    waited, refused = spool.waiting(), len(spool.refused())
    assert waited + refused == theirs + others
    assert traces(path) > 300
    gone = spool.forget(CustomerId(CANARY))
    assert gone == {"purchases": 150, "customers": 30}
    assert traces(path) == 0
    assert spool.waiting() + len(spool.refused()) == others
    assert (spool.waiting() < waited, len(spool.refused()) < refused) == (True, True)
    assert spool.forget(CustomerId(CANARY)) == {}
    spool.readmit()
    left = drain(spool)
    assert len(left) == others
    assert CANARY not in repr(left)


def test_what_was_handed_over_and_forgotten_leaves_no_byte_either(spool: Spool, path: Path) -> None:
    random = Random(5)
    for _ in range(40):
        spool.append(about(CANARY, random, 5))
        spool.append(about("other", random, 50))
        spool.drain(Taken())
    spool.forget(CustomerId(CANARY))
    assert traces(path) == 0


def test_only_who_is_named_as_a_person_is_forgotten(spool: Spool) -> None:
    others = [Product(id="a"), bought("a", customer="b", product="a", order="a"), Customer(id="aa", name="a")]
    spool.append([*FACTS, *others])
    removed = spool.forget(CustomerId("a"))
    assert sum(removed.values()) == len(FACTS) - 1
    assert set(drain(spool)) == {*others, next(fact for fact in FACTS if isinstance(fact, Product))}


@pytest.mark.parametrize("odd", ['"', "\\", "é", "\N{ROCKET}", "a\x00b", "%", "' OR 1"])
def test_odd_ids_are_forgotten_too(spool: Spool, odd: str) -> None:
    spool.append([bought("1", customer=odd), bought("2")])
    assert spool.forget(CustomerId(odd)) == {"purchases": 1}
    assert drain(spool) == [bought("2")]


def test_rows_of_another_version_that_hold_the_person_are_forgotten(spool: Spool, path: Path) -> None:
    spool.append([bought("1"), bought("2", customer="b")])
    with closing(apsw.Connection(str(path))) as other:
        other.execute("UPDATE waiting SET kind = 'wishes'")
    assert spool.forget(CustomerId("a")) == {"wishes": 1}
    assert spool.waiting() == 1


def test_an_erasure_waits_for_what_is_being_handed_over(spool: Spool) -> None:
    spool.append([bought("1"), bought("2", customer="b")])
    entered, leave = threading.Event(), threading.Event()
    store = MemoryStore()

    def slow(facts: Kept) -> None:
        entered.set()
        assert leave.wait(20)
        store.write(facts)

    with ThreadPoolExecutor(2) as pool:
        draining = pool.submit(spool.drain, slow)
        assert entered.wait(20)
        forgetting = pool.submit(spool.forget, CustomerId("a"))
        time.sleep(0.1)
        assert not forgetting.done()
        leave.set()
        assert draining.result(20) == 2
        assert forgetting.result(20) == {}
    assert store.get(Purchase, ("1",)) == bought("1"), "so that forgetting it in the store comes after"


def test_an_erasure_that_gets_no_turn_says_so(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.stores.spool._TURN", 0.05)
    spool.append([bought("1")])
    with spool._file.sole(patience=0) as alone:
        assert alone
        with pytest.raises(Unavailable, match="try again"):
            spool.forget(CustomerId("a"))
    assert spool.waiting() == 1


def test_bytes_that_a_reader_still_needs_leave_later(spool: Spool, path: Path) -> None:
    spool.append(about(CANARY, Random(6), 50))
    with closing(apsw.Connection(str(path))) as reader:
        rows = reader.execute("SELECT * FROM waiting")
        next(rows)
        spool.forget(CustomerId(CANARY))
        assert traces(path) > 0
        rows.close(True)
    spool.scrub()
    assert traces(path) == 3, "the id of a product: in its record, its key, and the index of keys"


# ---- the file


def test_what_waited_is_there_after_closing_and_opening(path: Path) -> None:
    with closing(Spool(path)) as spool:
        spool.append(FACTS)
        spool.drain(Taken(lambda record: isinstance(record, Customer)))
        spool.append([bought("later")])
    with closing(Spool(path)) as again:
        (refused,) = again.refused()
        assert (refused.table, refused.reason) == ("customers", "no such thing is stored here")
        assert drain(again) == [bought("later")]


def test_appends_are_durable_and_deletions_overwritten(spool: Spool) -> None:
    settings = [spool._file.connection.execute(f"PRAGMA {name}").get for name in ("journal_mode", "synchronous")]
    assert [*settings, spool._file.connection.execute("PRAGMA secure_delete").get] == ["wal", 2, 1]


def test_a_closed_spool_says_that_it_is_closed(spool: Spool) -> None:
    spool.close()
    for use in (lambda: spool.append([bought("1")]), spool.waiting, lambda: spool.drain(away)):
        with pytest.raises(Unavailable, match="closed"):
            use()


def test_a_file_that_is_no_database_is_damaged_and_stays_as_it_is(path: Path) -> None:
    path.write_bytes(b"not a database " * 1000)
    with pytest.raises(Damaged, match=r"spool\.db"):
        Spool(path)
    assert path.read_bytes() == b"not a database " * 1000


def test_the_database_of_something_else_is_refused_and_stays_as_it_is(path: Path) -> None:
    SqliteStore(path).close()
    before = path.read_bytes()
    with pytest.raises(Invalid, match="something else"):
        Spool(path)
    assert path.read_bytes() == before


def test_the_file_of_a_newer_kith_is_refused(path: Path) -> None:
    Spool(path).close()
    ask(path, "PRAGMA user_version = 99")
    with pytest.raises(Unavailable, match=r"version 99.*install the newer Kith"):
        Spool(path)


def test_a_path_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="check the path"):
        Spool(tmp_path / "file" / "spool.db")


def test_processes_that_open_a_new_file_at_once_all_can(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        spools = list(pool.map(lambda _: Spool(path), range(8)))
    for number, spool in enumerate(spools):
        spool.append([bought(str(number))])
    assert spools[0].waiting() == 8
    for spool in spools:
        spool.close()


# ---- programs that the tests start, kill and starve


def say(*words: object) -> None:
    print(*words, flush=True)


def order(id: str) -> list[Purchase]:
    """Two lines that belong together: both are kept, or none."""
    return [bought(f"{id}-{line}") for line in "ab"]


def flood(path: str, name: str) -> None:
    """Append orders until killed; say what is kept."""
    spool = Spool(Path(path))
    for n in count():
        spool.append(order(f"{name}-{n}"))
        say(f"{name}-{n}")


def hand_over(path: str, store: str) -> None:
    """Hand over a few at a time until killed, or nothing waits."""
    spool, behind = Spool(Path(path)), SqliteStore(Path(store))
    say("open")
    while spool.drain(behind.write, limit=10):
        pass


def starve(path: str, size: str) -> None:
    """Append until files may not grow further; then look, get room, and append again. Say what was kept."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    spool = Spool(Path(path))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
    for n in count():
        try:
            spool.append(order(str(n)))
        except Unavailable as error:
            say("refused", n, error)
            break
        say("kept", n)
    say("waiting", spool.waiting())
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    spool.append(order(str(n + 1)))
    say("kept", n + 1)
    spool.close()


if __name__ == "__main__":
    {"flood": flood, "pass": hand_over, "starve": starve}[sys.argv[2]](sys.argv[1], *sys.argv[3:])
