"""A store on disk and the memory store, driven with the same random operations, stay the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from graph.columns import Columns
from graph.records import Customer, CustomerId, Product, Record
from graph.schema import KINDS, Key, Kind, people_in
from graph.store import Cursor, GraphStore, Removed
from graph.stores.memory import MemoryStore
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_store import Neo4jStore
from graph.stores.sqlite import SqliteStore
from tests.graph_database import empty_neo4j
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
    few = {f.name: st.sampled_from(f.choices) if f.choices else FEW[f.type] for f in kind.fields}
    values = {f.name: st.none() | few[f.name] if f.optional else few[f.name] for f in kind.fields}
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
    """``empty`` gives a store without facts; ``again`` opens what a closed one has left."""

    def __init__(self, empty: Callable[[], GraphStore], again: Callable[[], GraphStore]) -> None:
        super().__init__()
        self.memory = MemoryStore()
        self.stored, self.again = empty(), again
        self.past: list[tuple[State, Cursor, Cursor]] = []
        self.remember()

    def teardown(self) -> None:
        self.stored.close()

    @rule()
    def remember(self) -> None:
        self.past.append((state_of(self.memory), self.memory.check().cursor, self.stored.check().cursor))

    @rule(records=MIXED)
    def write(self, records: list[Record]) -> None:
        assert self.stored.write(records).changed == self.memory.write(records).changed

    @rule(data=st.data(), kind=st.sampled_from(list(KINDS)))
    def write_columns(self, data: st.DataObject, kind: type[Record]) -> None:
        batch = Columns.of(kind, data.draw(st.lists(RECORDS[kind], min_size=1, max_size=4)))
        assert self.stored.write(batch).changed == self.memory.write(batch).changed

    @rule(data=st.data(), kind=st.sampled_from([kind for kind in KINDS if kind is not Customer]))
    def remove(self, data: st.DataObject, kind: type[Record]) -> None:
        place = key(data.draw(RECORDS[kind]))
        assert self.stored.remove(kind, place).changed == self.memory.remove(kind, place).changed

    @rule(person=PEOPLE)
    def forget(self, person: str) -> None:
        assert self.stored.forget(CustomerId(person)) == self.memory.forget(CustomerId(person))

    @rule(first=MIXED, second=MIXED, fails=st.booleans())
    def exclusive(self, first: list[Record], second: list[Record], fails: bool) -> None:
        seen = []
        for store in (self.memory, self.stored):
            with suppress(ZeroDivisionError), store.exclusive("test") as transaction:
                changed = [transaction.write(first).changed, transaction.write(second).changed]
                seen.append((changed, [transaction.get(type(record), key(record)) for record in first + second]))
                if fails:
                    raise ZeroDivisionError
        assert seen[0] == seen[1]

    @rule()
    def reopen(self) -> None:
        self.stored.close()
        self.stored = self.again()

    @rule(centre=PEOPLE, hops=st.integers(0, 3), limit=st.integers(1, 4))
    def around(self, centre: str, hops: int, limit: int) -> None:
        centres = CustomerId(centre)
        mine = self.stored.around(centres, hops=hops, limit=limit)
        assert mine == self.memory.around(centres, hops=hops, limit=limit)

    @rule(data=st.data(), limit=st.integers(1, 9))
    def catch_up(self, data: st.DataObject, limit: int) -> None:
        old, of_memory, of_stored = data.draw(st.sampled_from(self.past))
        now = state_of(self.memory)
        assert follow(self.memory, old, of_memory, limit) == (now, self.memory.check().cursor)
        assert follow(self.stored, old, of_stored, limit) == (now, self.stored.check().cursor)

    @rule(data=st.data())
    def read_and_follow(self, data: st.DataObject) -> None:
        _, _, until = data.draw(st.sampled_from(self.past))
        read = [record for kind in KINDS for batch in self.stored.read(kind, until=until) for record in batch.records()]
        followed, _ = follow(self.stored, {(type(record), key(record)): record for record in read}, until, 100)
        assert followed == state_of(self.memory)

    @invariant()
    def both_hold_the_same(self) -> None:
        assert everything(self.stored) == everything(self.memory)
        assert dict(self.stored.check().counts) == dict(self.memory.check().counts)


LONG = "KITH_LONG" in os.environ


def drive(empty: Callable[[], GraphStore], again: Callable[[], GraphStore], *, examples: int, steps: int) -> None:
    checks = [HealthCheck.too_slow]
    how = settings(max_examples=examples, stateful_step_count=steps, suppress_health_check=checks)
    run_state_machine_as_test(lambda: Stores(empty, again), settings=how)


def test_sqlite_stays_the_same_as_memory(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"

    def empty() -> GraphStore:
        for left in tmp_path.glob("shop.db*"):
            left.unlink()
        return SqliteStore(file)

    drive(empty, lambda: SqliteStore(file), examples=1000 if LONG else 60, steps=60 if LONG else 30)


def test_neo4j_stays_the_same_as_memory(neo4j_url: str) -> None:
    address = Address.parse(neo4j_url)
    drive(
        lambda: empty_neo4j(neo4j_url),
        lambda: Neo4jStore(address),
        examples=200 if LONG else 20,
        steps=60 if LONG else 25,
    )
