"""Connections to the SQLite file, and what its errors mean to the caller."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from graph.errors import Damaged, KithError, Unavailable

PATIENCE = 30_000
"""Milliseconds to wait for the writer of another process."""

_SETTINGS = """
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


def explanation(error: apsw.Error | OSError, path: Path) -> Exception:
    """The error of `graph.errors` that tells what happened and what to do; the error itself where it is our mistake."""
    if isinstance(error, OSError):
        return Unavailable(f"{path}: {error.strerror or error}; check the path and the rights")
    for causes, meaning, advice in _MEANING:
        if isinstance(error, causes):
            return meaning(f"{path}: {advice} ({error})")
    return error


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise the `explanation` of errors of SQLite and of the file system instead of them."""
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise explanation(error, path) from error


def connect(path: Path) -> apsw.Connection:
    """A connection with the store's settings; the file is made where there is none."""
    connection = apsw.Connection(str(path), statementcachesize=_STATEMENTS)
    wait_up_to(connection, PATIENCE)
    connection.execute(_SETTINGS).fetchall()  # a script stops at each row until it is taken
    return connection


def wait_up_to(connection: apsw.Connection, milliseconds: int) -> None:
    """How long to wait for another writer. SQLite's own waiting grows to 100 ms and misses the short pauses of a load."""

    def look_again(looked: int) -> bool:
        time.sleep(0.001)
        return looked < milliseconds

    connection.set_busy_handler(look_again)


class Readers:
    """Connections for reading: each has one reader at a time and is kept for the next one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: deque[apsw.Connection] = deque()
        self._closed = False

    def connection(self) -> _Loan:
        """Borrow a connection for a ``with`` block."""
        return _Loan(self)

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

    def borrow(self) -> apsw.Connection:
        if self._closed:
            raise Unavailable(f"{self.path}: closed; open the store again")
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self.path)

    def give_back(self, connection: apsw.Connection) -> None:
        self._idle.append(connection)
        if self._closed:
            self.close()


class _Loan:
    """A class, not a generator, as the change tail is asked at every request: this halves the cost.

    A connection that is left by an exception, perhaps in the middle of reading, is not used again.
    """

    __slots__ = ("_connection", "_readers")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def __enter__(self) -> apsw.Connection:
        try:
            self._connection = self._readers.borrow()
        except (apsw.Error, OSError) as error:
            raise explanation(error, self._readers.path) from error
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._readers.give_back(self._connection)
            return
        self._connection.close(True)
        if isinstance(error, apsw.Error | OSError):
            raise explanation(error, self._readers.path) from error
