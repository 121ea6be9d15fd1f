"""Connections to the SQLite file, and what its errors mean to the caller."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from graph.errors import Damaged, KithError, Unavailable

PATIENCE = 30_000
"""Milliseconds to wait for the writer of another process."""

_SETTINGS = f"""
PRAGMA busy_timeout = {PATIENCE};
PRAGMA synchronous = FULL;
PRAGMA secure_delete = ON;
PRAGMA cache_size = -65536;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_size_limit = 67108864;
"""

_STATEMENTS = 200  # all statements of all tables stay prepared

_MEANING: tuple[tuple[tuple[type[apsw.Error], ...], type[KithError], str], ...] = (
    ((apsw.FullError,), Unavailable, "the disk is full; free space and try again"),
    (
        (apsw.IOError,),
        Unavailable,
        "the disk fails (full, over quota or broken); make room and try again",
    ),
    (
        (apsw.BusyError, apsw.LockedError),
        Unavailable,
        f"locked by another process for {PATIENCE // 1000} s; try again",
    ),
    ((apsw.ReadOnlyError, apsw.PermissionsError), Unavailable, "not writable; give this user the right to write"),
    ((apsw.CantOpenError,), Unavailable, "cannot be opened; check the path, the rights and the free space"),
    ((apsw.ConnectionClosedError,), Unavailable, "closed; open the store again"),
    (
        (apsw.NotADBError, apsw.CorruptError),
        Damaged,
        "not a sound database; name another file or restore a backup",
    ),
)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into `graph.errors`, saying what to do."""
    try:
        yield
    except apsw.Error as error:
        for causes, meaning, advice in _MEANING:
            if isinstance(error, causes):
                raise meaning(f"{path}: {advice} ({error})") from error
        raise
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or error}; check the path and the rights") from error


def connect(path: Path) -> apsw.Connection:
    """A connection with the store's settings; the file is made where there is none."""
    connection = apsw.Connection(str(path), statementcachesize=_STATEMENTS)
    connection.execute(_SETTINGS)
    return connection


class Readers:
    """Connections for reading: each has one reader at a time and is kept for the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: deque[apsw.Connection] = deque()
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """Borrow a connection. One that was left by an exception, or in mid-read, is not used again."""
        with explained(self._path):
            connection = self._borrow()
            try:
                yield connection
            except BaseException:
                connection.close(True)
                raise
            self._idle.append(connection)
            if self._closed:
                self.close()

    @contextmanager
    def moment(self) -> Iterator[apsw.Connection]:
        """Borrow a connection on which everything is read as of one moment."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _borrow(self) -> apsw.Connection:
        if self._closed:
            raise Unavailable(f"{self._path}: closed; open the store again")
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._path)
