"""The SQLite file of a spool: its tables, its transactions, its erased bytes.

``waiting`` holds a row per fact, oldest first; ``part`` is the same for facts that came together, so that they also leave together.
``refused`` holds what the store will never take, with its reason. ``state`` counts what waits, so that asking costs one row, and
says whether bytes of somebody forgotten may still lie in the file. Beside the file lies a lock: one process empties the queue.
"""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from graph.errors import Invalid, Unavailable
from graph.stores.group_commit import GroupCommit
from graph.stores.sqlite_connection import PATIENCE, Readers, connect, explained, wait_up_to

log = logging.getLogger("kith")

VERSION = 1
_APPLICATION = int.from_bytes(b"KSpl")
_SCRUB_PATIENCE = 100  # milliseconds to wait for readers, so that erased bytes leave the log

_TABLES = """
CREATE TABLE waiting (
    seq INTEGER PRIMARY KEY,
    part INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX waiting_key ON waiting (kind, key);
CREATE TABLE refused (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    record TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE TABLE state (waiting INTEGER NOT NULL, unscrubbed INTEGER NOT NULL) STRICT;
INSERT INTO state VALUES (0, 0);
"""


class SpoolFile:
    """The file, open: one connection that writes, and others that read.

    Attributes
    ----------
    commits
        What writes goes through here, to be joined with what other threads write.
    readers
        Connections for reading.
    connection
        The one that writes, for use inside a transaction.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(f"{path.name}.lock")
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = connect(path)
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise
        self.readers = Readers(path)
        self.commits = GroupCommit(self.transaction, self._part)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Serial across processes; durable on leaving, undone if left by an exception."""
        with explained(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                self._undo("ROLLBACK")
                raise

    @contextmanager
    def sole(self, patience: float) -> Iterator[bool]:
        """Whether this thread is the only one, of all processes, that takes facts out; ``patience``: seconds to wait for that."""
        with explained(self.path):
            file = self._lock.open("ab")
        with file:  # closing it gives the lock back
            end = time.monotonic() + patience
            while not (held := _locked(file.fileno())) and time.monotonic() < end:
                time.sleep(0.01)
            yield held

    def one(self, question: str, values: tuple[Any, ...] = ()) -> Any:
        """The first column of the first row, or None."""
        with self.readers.connection() as connection:
            return connection.execute(question, values).get

    def rows(self, question: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """All rows."""
        with self.readers.connection() as connection:
            return connection.execute(question, values).fetchall()

    def scrub(self) -> None:
        """Let erased bytes leave the disk: pages keep copies of rows that were moved, and so does the log.

        Where readers or a full disk prevent it, a later call tries again.
        """
        if not self.one("SELECT unscrubbed FROM state"):
            return
        with self.commits.alone(), explained(self.path):
            wait_up_to(self.connection, _SCRUB_PATIENCE)
            try:
                self.connection.execute("VACUUM")
                self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                self.connection.execute("UPDATE state SET unscrubbed = 0")
            except (apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError) as error:
                log.info("%s: erased bytes leave the disk later: %s", self.path, error)
            finally:
                wait_up_to(self.connection, PATIENCE)

    def close(self) -> None:
        """Wait for a transaction that is under way, then close all connections."""
        with self.commits.alone():
            self.connection.close()
        self.readers.close()

    def _prepare(self) -> None:
        owner, version = (self.connection.execute(f"PRAGMA {name}").get for name in ("application_id", "user_version"))
        if owner != _APPLICATION and self.connection.execute("SELECT count(*) FROM sqlite_schema").get:
            raise Invalid(f"{self.path} is a database of something else; move it away, or name another data folder")
        if version > VERSION:
            raise Unavailable(
                f"{self.path} has version {version}, this Kith knows {VERSION} at most: install the newer Kith"
            )
        self.connection.execute("PRAGMA journal_mode = WAL").fetchall()
        with self.transaction():
            if not self.connection.execute("PRAGMA user_version").get:  # another process may have been quicker
                self.connection.execute(_TABLES).fetchall()
                self.connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                self.connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _part(self) -> Iterator[None]:
        with explained(self.path):
            self.connection.execute("SAVEPOINT part")
            try:
                yield
            except BaseException:
                self._undo("ROLLBACK TO part; RELEASE part")
                raise
            self.connection.execute("RELEASE part")

    def _undo(self, statement: str) -> None:
        if self.connection.in_transaction:  # SQLite itself undoes everything when the disk is full
            self.connection.execute(statement).fetchall()


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
