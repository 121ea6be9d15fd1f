"""Everything that changes the SQLite file, on the one connection of a process that writes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import apsw

from graph.columns import Columns, by_kind
from graph.errors import Invalid
from graph.records import Customer, CustomerId, Product, Record
from graph.schema import Key, bare, names_person
from graph.store import Cursor, Erasure, Facts, Written
from graph.stores.sqlite_connection import PATIENCE, connect, explained, wait_up_to
from graph.stores.sqlite_schema import TABLES, Table

R = TypeVar("R", bound=Record)

_SCRUB_PATIENCE = 100  # milliseconds a write waits for readers, so that erased bytes leave the log
_SCRUB_AGAIN = 5.0  # seconds until the next try
_KNOWN_LIMIT = 2_000_000


class Writer:
    """For one thread at a time; every public method but `transaction` and `close` runs inside a `transaction`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with explained(path):
            self._connection = connect(path)
        self._place = 0
        self._erasures = 0
        self._scrub_due = False
        self._scrub_at = 0.0
        self._vacuumed = 0
        self._known: defaultdict[type[Record], set[str]] = defaultdict(set)

    @contextmanager
    def transaction(self) -> Iterator[Writer]:
        """Serial across processes; durable on leaving, undone if left by an exception."""
        with explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                before = self._begin()
                yield self
                if self._place != before:
                    self._connection.execute("UPDATE place SET last = ?", (self._place,))
                self._connection.execute("COMMIT")
            except BaseException:
                self._undo("ROLLBACK")
                raise
            if self._scrub_due and monotonic() >= self._scrub_at:
                self._scrub()

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of a transaction that is undone alone if left by an exception."""
        place, erasures, due = self._place, self._erasures, self._scrub_due
        with explained(self._path):
            self._connection.execute("SAVEPOINT part")
            try:
                yield
            except BaseException:
                self._place, self._erasures, self._scrub_due = place, erasures, due
                self._undo("ROLLBACK TO part; RELEASE part")
                raise
            self._connection.execute("RELEASE part")

    def write(self, facts: Facts) -> Written:
        """See `graph.store.GraphStore.write`."""
        batches = [facts] if isinstance(facts, Columns) else by_kind(facts)
        changed = sum(self._write(batch) for batch in batches if len(batch))
        return Written(Cursor(self._place), changed)

    def remove(self, kind: type[Record], key: Key) -> Written:
        """See `graph.store.GraphStore.remove`."""
        if kind is Product:
            known = self.get(Product, key) is not None
            return self.write([bare(Product, key[0])] if known else [])
        changed = self._change(TABLES[kind].delete, key)
        if changed:
            self._bury(kind, key)
        return Written(Cursor(self._place), changed)

    def forget(self, customer: CustomerId) -> Erasure:
        """See `graph.store.GraphStore.forget`."""
        holding = [table for table in TABLES.values() if table.forget]
        counts = {table.kind.table: self._change(table.forget, (customer,)) for table in holding}
        removed = {name: count for name, count in counts.items() if count}
        if removed:
            self._drop_tombstones(customer)
            self._bury(Customer, (customer,))
            self._connection.execute("UPDATE place SET erasures = erasures + 1")
            self._erasures += 1
            self._scrub_due = True
            self._known.clear()
        return Erasure(customer, removed)

    def get(self, kind: type[R], key: Key) -> R | None:
        """One record, as of this transaction."""
        return fetch(self._connection, kind, key)

    def close(self) -> None:
        self._connection.close()

    def _begin(self) -> int:
        last, erasures, scrubbed = self._rows("SELECT last, erasures, scrubbed FROM place")[0]
        if erasures != self._erasures:
            self._known.clear()
        self._place, self._erasures, self._scrub_due = last, erasures, erasures != scrubbed
        return self._place

    def _undo(self, statement: str) -> None:
        self._known.clear()
        if self._connection.in_transaction:  # SQLite itself undoes everything when the disk is full
            self._connection.execute(statement)

    def _write(self, batch: Columns[Any]) -> int:
        table = TABLES[batch.kind]
        try:
            self._ensure_ends(table, batch)
            changed = self._put(table, table.upsert, batch)
        except (TypeError, ValueError, OverflowError, apsw.ConstraintError, apsw.TooBigError) as error:
            raise Invalid(f"{table.kind.table} cannot be stored: {error}") from error
        if not table.kind.ends:
            self._remember(batch.kind, batch["id"])
        return changed

    def _ensure_ends(self, table: Table, batch: Columns[Any]) -> None:
        """Create end points that do not exist; ids seen before cost one look into a set."""
        for field, end in table.kind.ends.items():
            new = set(batch[field]) - self._known[end] if field in batch.values else None
            if new:
                self._put(TABLES[end], TABLES[end].insert, _bare_columns(end, sorted(new)))
                self._remember(end, new)

    def _remember(self, end: type[Record], ids: Sequence[str] | set[str]) -> None:
        known = self._known[end]
        if len(known) + len(ids) > _KNOWN_LIMIT:
            known.clear()
        known.update(ids)

    def _put(self, table: Table, statement: str, batch: Columns[Any]) -> int:
        columns = batch.whole().values.values()
        places = range(self._place + 1, self._place + 1 + len(batch))
        before = self._connection.total_changes()
        self._connection.executemany(statement, zip(places, *columns, strict=True))
        changed = self._connection.total_changes() - before
        if changed:  # otherwise the places stay free: a cursor must never lie beyond the stored place
            self._place += len(batch)
        return changed

    def _change(self, statement: str, values: Sequence[Any]) -> int:
        before = self._connection.total_changes()
        self._connection.execute(statement, tuple(values))
        return self._connection.total_changes() - before

    def _rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()

    def _bury(self, kind: type[Record], key: Key) -> None:
        self._place += 1
        tombstone = (self._place, TABLES[kind].kind.table, json.dumps(key))
        self._connection.execute("INSERT OR REPLACE INTO removed (seq, kind, key) VALUES (?, ?, ?)", tombstone)

    def _drop_tombstones(self, customer: str) -> None:
        for table in TABLES.values():
            rows = self._rows("SELECT seq, key FROM removed WHERE kind = ?", (table.kind.table,))
            theirs = [(seq,) for seq, key in rows if names_person(table.kind, json.loads(key), customer)]
            self._connection.executemany("DELETE FROM removed WHERE seq = ?", theirs)

    def _scrub(self) -> None:
        """Let erased bytes leave the disk.

        Deleted rows are overwritten with zeros, but not the copies that a page kept from its last reordering: only
        ``VACUUM`` drops those. Then the log, which has them too, is emptied. Where readers or a full disk prevent it, a
        later write tries again.
        """
        wait_up_to(self._connection, _SCRUB_PATIENCE)
        try:
            if self._vacuumed != self._erasures:
                self._connection.execute("VACUUM")
                self._vacuumed = self._erasures
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._connection.execute("UPDATE place SET scrubbed = ?", (self._erasures,))
        except (apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError):
            self._scrub_at = monotonic() + _SCRUB_AGAIN
        finally:
            wait_up_to(self._connection, PATIENCE)


def fetch(connection: apsw.Connection, kind: type[R], key: Key) -> R | None:
    """One record, or None."""
    table = TABLES[kind]
    rows = connection.execute(table.by_key, key).fetchall()
    return table.record(rows[0]) if rows else None  # type: ignore[return-value]  # the table of a kind holds that kind


def _bare_columns(end: type[Record], ids: list[str]) -> Columns[Any]:
    one = Columns.of(end, [bare(end, ids[0])])
    return Columns(end, {name: ids if name == "id" else [*values] * len(ids) for name, values in one.values.items()})
