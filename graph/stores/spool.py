"""Facts that wait for their store: a durable queue in one SQLite file, shared by the processes of a machine."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from apsw import Connection

from graph.columns import Columns, by_kind
from graph.errors import Damaged, Invalid, KithError, Unavailable
from graph.records import CustomerId, Record
from graph.schema import KINDS, Key, kind_of, people_in
from graph.store import Facts
from graph.stores.spool_file import SpoolFile

R = TypeVar("R", bound=Record)

Kept = list[Record] | Columns[Any]
"""Facts that can be looked at more than once."""

log = logging.getLogger("kith")

_FEW = 500  # so few are handed over with the door closed
_TURN = 30.0  # seconds that an erasure waits for whoever is emptying the queue

_KIND_OF_TABLE = {kind.table: kind for kind in KINDS.values()}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A fact that the store will not take: its table, its fields as JSON, and why."""

    table: str
    record: str
    reason: str


class _Row(NamedTuple):
    seq: int
    table: str
    key: str
    text: str

    def record(self) -> Record:
        return _KIND_OF_TABLE[self.table].record(**json.loads(self.text))

    def names(self, customer: str) -> bool:
        fields = json.loads(self.text)
        kind = _KIND_OF_TABLE.get(self.table)
        return any(fields.get(name) == customer for name in (people_in(kind) if kind else fields))


class Spool:
    """A queue of facts. Every method is safe to call from several threads, and while other processes use the same file.

    Parameters
    ----------
    path
        The file; it and its folder are made where they do not exist.

    Raises
    ------
    graph.errors.Invalid
        The file is a database of something else.
    graph.errors.Unavailable
        It cannot be opened, or a newer Kith wrote it.
    graph.errors.Damaged
        It is not a database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = SpoolFile(path)

    # ---- in

    def append(self, facts: Facts, *, behind: bool = False) -> bool:
        """Keep facts, all or none; durable when it returns.

        Parameters
        ----------
        facts
            What to keep, behind all that waits already.
        behind
            Keep them only if something does wait. If nothing does, nothing is kept and the answer is False: they need not wait.

        Raises
        ------
        graph.errors.Invalid
            A value has no form in JSON, a required field is missing.
        graph.errors.Unavailable
            The disk is full or fails. Nothing was kept.
        """
        rows = list(_rows(facts))
        return self._file.commits.run(lambda: self._append(rows, behind))

    # ---- look

    def waiting(self) -> int:
        """How many facts wait."""
        return int(self._file.one("SELECT waiting FROM state"))

    def get(self, kind: type[R], key: Key) -> R | None:
        """A record that waits: of an entity the newest, of an event the first; as the store would have it."""
        order = "DESC" if kind_of(kind).lasting else "ASC"
        sql = f"SELECT record FROM waiting WHERE kind = ? AND key = ? ORDER BY seq {order} LIMIT 1"  # noqa: S608
        text = self._file.one(sql, (kind_of(kind).table, json.dumps(key)))
        try:
            return None if text is None else kind(**json.loads(text))
        except TypeError:  # another version of Kith wrote it: it will be refused
            return None

    def known(self, kind: type[Record], keys: Sequence[Key]) -> set[Key]:
        """Those of the keys that a waiting record has."""
        texts = {json.dumps(key): key for key in keys}
        rows = self._file.rows(
            "SELECT DISTINCT key FROM waiting WHERE kind = ? AND key IN (SELECT value FROM json_each(?))",
            (kind_of(kind).table, json.dumps([*texts])),
        )
        return {texts[text] for (text,) in rows}

    def refused(self) -> list[Refusal]:
        """What the store would not take, oldest first."""
        return [Refusal(*row) for row in self._file.rows("SELECT kind, record, reason FROM refused ORDER BY seq")]

    # ---- out

    def drain(self, write: Callable[[Kept], Any], *, limit: int = 5_000) -> int:
        """Hand the oldest facts over, in the order of their kind; they leave the queue when ``write`` has returned.

        What ``write`` refuses with `Invalid` is searched for and put aside, so that the rest can pass. The last few are handed over
        while nobody can append: otherwise a queue with steady traffic behind it would never be empty. They go along with what
        others append at that time, perhaps in the thread of one of them.

        Parameters
        ----------
        write
            Stores facts for good, all or none. It may see the same facts again if the process dies meanwhile.
        limit
            How many facts to hand over at once; those that were appended together stay together.

        Returns
        -------
        int
            How many left the queue; 0 also if another process is at it.

        Raises
        ------
        graph.errors.Unavailable
            ``write`` raised it: what was not handed over stays.
        """
        with self._file.sole(patience=0) as alone:
            if not alone:
                return 0
            if self.waiting() > _FEW:
                return self._hand_over(self._oldest(limit), write, self._file.commits.run)
            outcome = self._file.commits.run(lambda: self._hand_over_the_last(limit, write))
        if isinstance(outcome, KithError):
            raise outcome
        return outcome

    def readmit(self) -> int:
        """Put what was refused back into the queue, behind all that waits; returns how many facts that were."""
        return self._file.commits.run(self._readmit)

    # ---- erasure

    def forget(self, customer: CustomerId) -> dict[str, int]:
        """Remove every fact that names a customer, waiting or refused, also from the disk; returns how many per table.

        Raises
        ------
        graph.errors.Unavailable
            Another process is handing facts over all the time, this person's perhaps among them. Nothing was removed.
        """
        with self._file.sole(patience=_TURN) as alone:
            if not alone:
                raise Unavailable(f"{self.path}: another process is emptying it for {_TURN:g} s; try again")
            removed = self._file.commits.run(lambda: self._forget(customer))
        self.scrub()
        return removed

    def scrub(self) -> None:
        """Let erased bytes leave the disk, where something prevented it so far. Costs one row if nothing is to be done."""
        self._file.scrub()

    def close(self) -> None:
        self._file.close()

    # ---- inside a transaction

    def _append(self, rows: list[tuple[str, str, str]], behind: bool) -> bool:
        if behind and not self._file.connection.execute("SELECT waiting FROM state").get:
            return False
        part = self._file.connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM waiting").get
        self._file.connection.executemany(
            f"INSERT INTO waiting (part, kind, key, record) VALUES ({part}, ?, ?, ?)",  # noqa: S608  # a number
            rows,
        )
        self._count(len(rows))
        return True

    def _count(self, change: int) -> None:
        self._file.connection.execute("UPDATE state SET waiting = waiting + ?", (change,))

    def _change(self, statement: str, values: tuple[Any, ...] = ()) -> int:
        before = self._file.connection.total_changes()
        self._file.connection.execute(statement, values)
        return self._file.connection.total_changes() - before

    def _drop(self, first: int, last: int) -> None:
        self._count(-self._change("DELETE FROM waiting WHERE seq BETWEEN ? AND ?", (first, last)))

    def _refuse(self, row: _Row, reason: str) -> None:
        self._file.connection.execute(
            "INSERT INTO refused (kind, key, record, reason) VALUES (?, ?, ?, ?)",
            (row.table, row.key, row.text, reason),
        )
        self._drop(row.seq, row.seq)

    def _readmit(self) -> int:
        rows: list[Any] = self._file.connection.execute("SELECT kind, key, record FROM refused ORDER BY seq").fetchall()
        self._append(rows, behind=False)
        self._file.connection.execute("DELETE FROM refused")
        return len(rows)

    def _forget(self, customer: str) -> dict[str, int]:
        removed: dict[str, int] = {}
        for place in ("waiting", "refused"):
            sql = f"SELECT seq, kind, key, record FROM {place} WHERE instr(record, ?) > 0"  # noqa: S608
            found = map(_Row._make, self._file.connection.execute(sql, (json.dumps(customer),)).fetchall())
            theirs = [row for row in found if row.names(customer)]
            self._file.connection.executemany(f"DELETE FROM {place} WHERE seq = ?", [(row.seq,) for row in theirs])  # noqa: S608
            if place == "waiting":
                self._count(-len(theirs))
            for row in theirs:
                removed[row.table] = removed.get(row.table, 0) + 1
        self._file.connection.execute("UPDATE state SET unscrubbed = 1")
        return removed

    # ---- handing over

    def _hand_over_the_last(self, limit: int, write: Callable[[Kept], Any]) -> int | KithError:
        """Inside a transaction. A failure of the store is returned: raised, it would undo what others append in the same one."""
        try:
            return self._hand_over(_oldest(self._file.connection, limit), write, lambda work: work())
        except (Unavailable, Damaged) as error:
            return error

    def _hand_over(
        self, rows: list[_Row], write: Callable[[Kept], Any], commit: Callable[[Callable[[], None]], None]
    ) -> int:
        refused: list[str] = []

        def refuse(row: _Row, reason: str) -> None:
            commit(lambda: self._refuse(row, reason))
            refused.append(reason)

        def hand_over(some: list[tuple[_Row, Record]]) -> None:
            try:
                write(_kept([record for _, record in some]))
            except Invalid as error:
                if len(some) == 1:
                    return refuse(some[0][0], str(error))
                hand_over(some[: len(some) // 2])
                return hand_over(some[len(some) // 2 :])
            return commit(lambda: self._drop(some[0][0].seq, some[-1][0].seq))

        readable = list(_readable(rows, refuse))
        if readable:
            hand_over(readable)
        if refused:
            log.warning("%s: %d facts are refused and put aside, the first as %s", self.path, len(refused), refused[0])
        return len(rows)

    def _oldest(self, limit: int) -> list[_Row]:
        with self._file.readers.connection() as connection:
            return _oldest(connection, limit)


def _oldest(connection: Connection, limit: int) -> list[_Row]:
    """The oldest rows, and those that came together with the last of them."""
    found: list[_Row] = []
    last = None
    cursor = connection.execute("SELECT part, seq, kind, key, record FROM waiting ORDER BY seq")
    for part, *row in cursor:
        if len(found) >= limit and part != last:
            break
        found.append(_Row._make(row))
        last = part
    cursor.close(True)
    return found


def _rows(facts: Facts) -> Iterator[tuple[str, str, str]]:
    for batch in [facts] if isinstance(facts, Columns) else by_kind(facts):
        kind = kind_of(batch.kind)
        try:
            for values in zip(*batch.whole().values.values(), strict=True):
                fields = dict(zip(kind.columns, values, strict=True))
                yield kind.table, json.dumps([fields[name] for name in kind.key]), json.dumps(fields)
        except (TypeError, ValueError) as error:
            raise Invalid(f"{kind.table} cannot be kept: {error}") from error


def _readable(rows: list[_Row], refuse: Callable[[_Row, str], None]) -> Iterator[tuple[_Row, Record]]:
    """The records of rows; those that another version of Kith wrote in another form are refused."""
    for row in rows:
        try:
            record = row.record()
        except (KeyError, TypeError, ValueError) as error:
            refuse(row, f"{row.table} of another version: {error}")
        else:
            yield row, record


def _kept(records: list[Record]) -> Kept:
    """Columns where all are of one kind, which is the quickest to store."""
    kind = type(records[0])
    return Columns.of(kind, records) if all(type(record) is kind for record in records) else records
