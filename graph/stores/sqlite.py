"""The embedded store: one SQLite file, written and read by many threads and processes at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

import apsw

from graph.columns import Columns
from graph.errors import Conflict, Invalid
from graph.records import Customer, CustomerId, Record
from graph.schema import Key
from graph.store import Changes, Cursor, Erasure, Facts, Health, Subgraph, Transaction, Written
from graph.stores.group_commit import GroupCommit
from graph.stores.sqlite_connection import Readers, explained
from graph.stores.sqlite_reading import changes_after, counts, people_around, place
from graph.stores.sqlite_schema import TABLES, prepare
from graph.stores.sqlite_writer import Writer, fetch

R = TypeVar("R", bound=Record)

_BATCH = 50_000
_END = 2**63 - 1


class SqliteStore:
    """A `graph.store.GraphStore` in one file (and, while it is open, ``-wal`` and ``-shm`` beside it).

    Parameters
    ----------
    path
        The file; it and its folder are made where they do not exist.

    Raises
    ------
    graph.errors.Invalid
        The file is a database of another program.
    graph.errors.Unavailable
        It cannot be opened, or a newer Kith wrote it.
    graph.errors.Damaged
        It is not a database.
    """

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        prepare(path)
        self._readers = Readers(path)
        self._writer = Writer(path)
        self._commits = GroupCommit(self._writer.transaction, self._writer.part)

    def write(self, facts: Facts) -> Written:
        batches = facts if isinstance(facts, Columns) else list(facts)
        return self._commits.run(lambda: self._writer.write(batches))

    def remove(self, kind: type[Record], key: Key) -> Written:
        if kind is Customer:
            raise Invalid("a customer is removed by forget", field="kind")
        return self._commits.run(lambda: self._writer.remove(kind, key))

    def read(
        self, kind: type[R], *, columns: tuple[str, ...] | None = None, until: Cursor | None = None
    ) -> Iterator[Columns[R]]:
        table = TABLES[kind]
        names = columns or table.kind.columns
        with self._readers.connection() as connection:
            cursor = connection.execute(table.select(names), (_END if until is None else until,))
            while rows := list(islice(cursor, _BATCH)):
                found = zip(names, zip(*rows, strict=True), strict=True)
                yield Columns(kind, {name: table.values(name, column) for name, column in found})

    def get(self, kind: type[R], key: Key) -> R | None:
        with self._readers.connection() as connection:
            return fetch(connection, kind, key)

    def known(self, kind: type[Record], keys: Sequence[Key]) -> set[Key]:
        with self._readers.moment() as connection:
            return {key for key in keys if connection.execute(TABLES[kind].has, key).get}

    def changes(self, since: Cursor, limit: int = 10_000) -> Changes:
        with self._readers.connection() as connection:
            last = place(connection)
        if last <= since:  # the common case; asked at every request
            return Changes(last, (), False)
        with self._readers.moment() as connection:
            return changes_after(connection, since, limit)

    def around(self, centre: CustomerId, *, hops: int, limit: int) -> Subgraph:
        with self._readers.moment() as connection:
            return people_around(connection, centre, hops=hops, limit=limit)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Transaction]:
        """See `graph.store.GraphStore.exclusive`. One writer at a time: whatever the name, all other writes wait."""
        with self._commits.alone(), self._writer.transaction() as transaction:
            yield _Exclusive(transaction)

    def forget(self, customer: CustomerId) -> Erasure:
        """See `graph.store.GraphStore.forget`. The bytes are gone as soon as no reader needs them."""
        return self._commits.run(lambda: self._writer.forget(customer))

    def check(self) -> Health:
        with self._readers.moment() as connection:
            return Health(self.name, apsw.sqlite_lib_version(), place(connection), counts(connection))

    def backup(self, target: Path) -> None:
        """Copy the store as of one moment into a new file, while others read and write.

        Raises
        ------
        graph.errors.Conflict
            The target exists.
        graph.errors.Unavailable
            The target cannot be written, or its disk is full. There is no target then.
        """
        if target.exists():
            raise Conflict(f"{target} exists; name another file, or remove it first")
        unfinished = target.with_name(f"{target.name}.unfinished")
        with explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished.unlink(missing_ok=True)
            self._copy(unfinished)
            unfinished.replace(target)

    def close(self) -> None:
        with self._commits.alone():
            self._writer.close()
        self._readers.close()

    def _copy(self, target: Path) -> None:
        copy = apsw.Connection(str(target))
        try:
            with self._readers.connection() as source, copy.backup("main", source, "main") as backup:
                backup.step(-1)  # in one go: shorter steps start again whenever another connection writes
        finally:
            copy.close()


class _Exclusive:
    """What `SqliteStore.exclusive` hands out. A write that fails in it is undone alone, should the caller go on."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def get(self, kind: type[R], key: Key) -> R | None:
        return self._writer.get(kind, key)

    def write(self, facts: Facts) -> Written:
        with self._writer.part():
            return self._writer.write(facts)
