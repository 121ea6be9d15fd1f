"""The SQLite store and the memory store, driven with the same random operations, stay the same."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from graph.columns import Columns
from graph.records import Customer, CustomerId, Product, Record
from graph.schema import KINDS, Key, Kind, people_in
from graph.store import Cursor, GraphStore, Removed
from graph.stores.memory import MemoryStore
from graph.stores.sqlite import SqliteStore
from tests.records import everything, key, records_of

State = Mapping[tuple[type[Record], Key], Record]

PEOPLE = st.sampled_from(["a", "b", "c", "d"])
IDS: dict[type[Record], st.SearchStrategy[str]] = {Customer: PEOPLE, Product: st.sampled_from(["p", "q"])}
EVENTS = st.sampled_from(["1", "2", "3"])
FEW: dict[type, st.SearchStrategy[Any]] = {
    str: st.sampled_from(["x", "y"]),
    int: st.sampled_from([0, 1]),
    bool: st.booleans(),
    float: st.sampled_from([0.5, 1.0]),
}


def colliding(kind: Kind) -> st.SearchStrategy[Any]:
    """Records of few ids and few values, so that they meet, repeat and contradict each other."""
    values = {f.name: st.none() | FEW[f.type] if f.optional else FEW[f.type] for f in kind.fields}
    ends = {field: IDS[end] for field, end in kind.ends.items()}
    own = {"id": IDS.get(kind.record, EVENTS)} if "id" in kind.key else {}
    return records_of(kind, **(values | ends | own))


RECORDS = {kind.record: colliding(kind) for kind in KINDS.values()}
MIXED = st.lists(st.one_of(*RECORDS.values()), max_size=6)


def state_of(store: GraphStore) -> State:
    return {(type(record), key(record)): record for record in everything(store)}


def follow(store: GraphStore, old: State, since: Cursor, limit: int) -> tuple[State, Cursor]:
    """What somebody has who knew the old state and reads the tail to its end."""
    state, more = dict(old), True
    while more:
        part = store.changes(since, limit)
        for item in part.items:
            if isinstance(item, Removed):
                state = without(state, item)
            else:
                state[type(item), key(item)] = item
        since, more = part.cursor, part.more
    return state, since


def without(state: State, gone: Removed) -> dict[tuple[type[Record], Key], Record]:
    if gone.kind is not Customer:
        return {place: record for place, record in state.items() if place != (gone.kind, gone.key)}
    (person,) = gone.key
    return {
        place: record
        for place, record in state.items()
        if person not in {getattr(record, field) for field in people_in(KINDS[place[0]])}
    }


class Stores(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.memory = MemoryStore()
        self.sqlite = SqliteStore(Path(self.folder.name) / "shop.db")
        self.past: list[tuple[State, Cursor, Cursor]] = []
        self.remember()

    def teardown(self) -> None:
        self.sqlite.close()
        self.folder.cleanup()

    @rule()
    def remember(self) -> None:
        self.past.append((state_of(self.memory), self.memory.check().cursor, self.sqlite.check().cursor))

    @rule(records=MIXED)
    def write(self, records: list[Record]) -> None:
        assert self.sqlite.write(records).changed == self.memory.write(records).changed

    @rule(data=st.data(), kind=st.sampled_from(list(KINDS)))
    def write_columns(self, data: st.DataObject, kind: type[Record]) -> None:
        batch = Columns.of(kind, data.draw(st.lists(RECORDS[kind], min_size=1, max_size=4)))
        assert self.sqlite.write(batch).changed == self.memory.write(batch).changed

    @rule(data=st.data(), kind=st.sampled_from([kind for kind in KINDS if kind is not Customer]))
    def remove(self, data: st.DataObject, kind: type[Record]) -> None:
        place = key(data.draw(RECORDS[kind]))
        assert self.sqlite.remove(kind, place).changed == self.memory.remove(kind, place).changed

    @rule(person=PEOPLE)
    def forget(self, person: str) -> None:
        assert self.sqlite.forget(CustomerId(person)) == self.memory.forget(CustomerId(person))

    @rule(first=MIXED, second=MIXED, fails=st.booleans())
    def exclusive(self, first: list[Record], second: list[Record], fails: bool) -> None:
        seen = []
        for store in (self.memory, self.sqlite):
            with suppress(ZeroDivisionError), store.exclusive("test") as transaction:
                changed = [transaction.write(first).changed, transaction.write(second).changed]
                seen.append((changed, [transaction.get(type(record), key(record)) for record in first + second]))
                if fails:
                    raise ZeroDivisionError
        assert seen[0] == seen[1]

    @rule()
    def reopen(self) -> None:
        self.sqlite.close()
        self.sqlite = SqliteStore(Path(self.folder.name) / "shop.db")

    @rule(centre=PEOPLE, hops=st.integers(0, 3), limit=st.integers(1, 4))
    def around(self, centre: str, hops: int, limit: int) -> None:
        centres = CustomerId(centre)
        mine = self.sqlite.around(centres, hops=hops, limit=limit)
        assert mine == self.memory.around(centres, hops=hops, limit=limit)

    @rule(data=st.data(), limit=st.integers(1, 9))
    def catch_up(self, data: st.DataObject, limit: int) -> None:
        old, of_memory, of_sqlite = data.draw(st.sampled_from(self.past))
        now = state_of(self.memory)
        assert follow(self.memory, old, of_memory, limit) == (now, self.memory.check().cursor)
        assert follow(self.sqlite, old, of_sqlite, limit) == (now, self.sqlite.check().cursor)

    @rule(data=st.data())
    def read_and_follow(self, data: st.DataObject) -> None:
        _, _, until = data.draw(st.sampled_from(self.past))
        read = [record for kind in KINDS for batch in self.sqlite.read(kind, until=until) for record in batch.records()]
        followed, _ = follow(self.sqlite, {(type(record), key(record)): record for record in read}, until, 100)
        assert followed == state_of(self.memory)

    @invariant()
    def both_hold_the_same(self) -> None:
        assert everything(self.sqlite) == everything(self.memory)
        assert dict(self.sqlite.check().counts) == dict(self.memory.check().counts)


LONG = "KITH_LONG" in os.environ

TestStores = Stores.TestCase
TestStores.settings = settings(
    max_examples=1000 if LONG else 60,
    stateful_step_count=60 if LONG else 30,
    suppress_health_check=[HealthCheck.too_slow],
)
