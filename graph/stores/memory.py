"""Dictionaries: the readable specification of a store, and the store of tests and of evaluation.

Nothing outlives the process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, TypeVar

from graph.columns import Columns, by_kind
from graph.errors import Invalid
from graph.records import Customer, CustomerId, Friendship, Product, Record
from graph.schema import KINDS, Key, Kind, bare, kind_of, names_person, people_in
from graph.store import Changes, Cursor, Erasure, Facts, Health, Removed, Subgraph, Transaction, Written

R = TypeVar("R", bound=Record)


class MemoryStore:
    """A `graph.store.GraphStore` of dictionaries."""

    name = "memory"

    def __init__(self) -> None:
        self._lock = RLock()
        self._tables: dict[type[Record], dict[Key, Record]] = {record: {} for record in KINDS}
        self._log: dict[tuple[type[Record], Key], tuple[int, Record]] = {}
        self._tombstones: dict[tuple[type[Record], Key], tuple[int, Removed]] = {}
        self._cursor = 0

    def write(self, facts: Facts) -> Written:
        batches = [facts] if isinstance(facts, Columns) else by_kind(facts)
        rows = [(kind_of(batch.kind), record) for batch in batches for record in batch.records()]
        with self._lock:
            changed = sum(self._put(kind, record) for kind, record in rows)
            return Written(Cursor(self._cursor), changed)

    def remove(self, kind: type[Record], key: Key) -> Written:
        with self._lock:
            if kind is Customer:
                raise Invalid("a customer is removed by forget", field="kind")
            known = self._tables[kind].get(key)
            if kind is Product and known is not None:
                return self.write([bare(Product, key[0])])
            if known is not None:
                self._drop(kind, key)
            return Written(Cursor(self._cursor), int(known is not None))

    def read(
        self, kind: type[R], *, columns: tuple[str, ...] | None = None, until: Cursor | None = None
    ) -> Iterator[Columns[R]]:
        with self._lock:
            last = self._cursor if until is None else until
            rows = [record for key, record in sorted(self._tables[kind].items()) if self._log[kind, key][0] <= last]
        batch: Columns[Any] = Columns.of(kind, rows)
        names = columns or kind_of(kind).columns
        if rows:
            yield Columns(kind, {name: batch[name] for name in names})

    def get(self, kind: type[R], key: Key) -> R | None:
        return self._tables[kind].get(key)  # type: ignore[return-value]  # the table of a kind holds that kind

    def known(self, kind: type[Record], keys: Sequence[Key]) -> set[Key]:
        return {key for key in keys if key in self._tables[kind]}

    def changes(self, since: Cursor, limit: int = 10_000) -> Changes:
        with self._lock:
            entries: list[tuple[int, Record | Removed]] = [*self._log.values(), *self._tombstones.values()]
            if since >= self._cursor:
                return Changes(Cursor(self._cursor), (), False)
            newer = sorted((entry for entry in entries if entry[0] > since), key=lambda entry: entry[0])
            cut = newer[:limit]
            more = len(newer) > limit
            last = Cursor(cut[-1][0]) if more else Cursor(self._cursor)
            return Changes(last, tuple(item for _, item in cut), more)

    def around(self, centre: CustomerId, *, hops: int, limit: int) -> Subgraph:
        with self._lock:
            ties = list(self._tables[Friendship].values())
            known = (centre,) in self._tables[Customer]
        if not known:
            return Subgraph((), (), False)
        return surroundings(centre, [t for t in ties if isinstance(t, Friendship)], hops=hops, limit=limit)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Transaction]:
        with self._lock:
            tables = {kind: dict(rows) for kind, rows in self._tables.items()}
            saved = tables, dict(self._log), dict(self._tombstones), self._cursor
            try:
                yield self
            except BaseException:
                self._tables, self._log, self._tombstones, self._cursor = saved
                raise

    def forget(self, customer: CustomerId) -> Erasure:
        removed: dict[str, int] = {}
        with self._lock:
            for kind in KINDS.values():
                fields = tuple(people_in(kind))
                rows = self._tables[kind.record]
                gone = [
                    key for key, record in rows.items() if any(getattr(record, field) == customer for field in fields)
                ]
                for key in gone:
                    del rows[key]
                    del self._log[kind.record, key]
                if gone:
                    removed[kind.table] = len(gone)
            if removed:
                named = [(kind, key) for kind, key in self._tombstones if names_person(kind_of(kind), key, customer)]
                for tombstone in named:
                    del self._tombstones[tombstone]
                self._bury(Customer, (customer,))
        return Erasure(customer, removed)

    def check(self) -> Health:
        counts = {kind.table: len(self._tables[kind.record]) for kind in KINDS.values()}
        return Health(self.name, "1", Cursor(self._cursor), counts)

    def close(self) -> None:
        """Nothing to give back."""

    def _put(self, kind: Kind, record: Record) -> int:
        for field, end in kind.ends.items():
            id = getattr(record, field)
            if (id,) not in self._tables[end]:
                self._put(kind_of(end), bare(end, id))
        key = kind.key_of(record)
        known = self._tables[kind.record].get(key)
        if known == record or (known is not None and not kind.lasting):
            return 0
        self._tables[kind.record][key] = record
        self._cursor += 1
        self._log[kind.record, key] = self._cursor, record
        return 1

    def _drop(self, kind: type[Record], key: Key) -> None:
        del self._tables[kind][key], self._log[kind, key]
        self._bury(kind, key)

    def _bury(self, kind: type[Record], key: Key) -> None:
        """A tombstone stays when its record is written again: late followers must still drop what went with it."""
        self._cursor += 1
        self._tombstones[kind, key] = self._cursor, Removed(kind, key)


def surroundings(centre: CustomerId, ties: list[Friendship], *, hops: int, limit: int) -> Subgraph:
    """Breadth-first search over friendships, nearest first, then by id."""
    friends: dict[str, list[str]] = {}
    for tie in ties:
        friends.setdefault(tie.customer, []).append(tie.friend)
        friends.setdefault(tie.friend, []).append(tie.customer)
    found: dict[str, None] = {centre: None}
    ring = [str(centre)]
    for _ in range(hops):
        ring = sorted({other for person in ring for other in friends.get(person, ()) if other not in found})
        found.update(dict.fromkeys(ring))
    kept = list(found)[:limit]
    inside = set(kept)
    within = sorted((t for t in ties if t.customer in inside and t.friend in inside), key=dataclasses.astuple)
    return Subgraph(tuple(map(CustomerId, kept)), tuple(within), len(kept) < len(found))
