"""Neo4j as the graph of record: the only module that speaks to its driver."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from threading import Lock
from time import monotonic, sleep
from typing import Any, TypeVar

import neo4j
from neo4j.exceptions import AuthError, ClientError, ConfigurationError, ConstraintError, DriverError, Neo4jError

from graph.columns import Columns
from graph.errors import Invalid, Unavailable
from graph.records import Customer, CustomerId, Record
from graph.schema import Key
from graph.store import Changes, Cursor, Edits, Erasure, Facts, Health, Subgraph, Transaction, Written
from graph.stores.group_commit import GroupCommit, Interrupted
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_annotations import Rows, put_on, rows_to_note
from graph.stores.neo4j_bookmark import transaction_number
from graph.stores.neo4j_cypher import statement
from graph.stores.neo4j_edits import Taker, find_edited, find_losses, find_made
from graph.stores.neo4j_forms import FORMS, whole
from graph.stores.neo4j_place import Place
from graph.stores.neo4j_reading import (
    changes_after,
    count_tables,
    known_keys,
    locked_place,
    people_around,
    read_form,
    read_place,
    settled,
)
from graph.stores.neo4j_schema import check_version, ensure_schema
from graph.stores.neo4j_writer import Ends, Exclusive, Run, Writer, fetch

R = TypeVar("R", bound=Record)
T = TypeVar("T")

CONNECT_SECONDS = 5.0
TRANSACTION_SECONDS = 120.0
PAUSES = (0.05, 0.2, 0.8)
"""Seconds before a transaction that was interrupted is done again."""
REST = 10
"""Looking for edits takes at most one part in so many of the time."""

_UNCERTAIN = "the connection to {} broke while a write was being stored: write it again, what is known counts once"


@dataclass(frozen=True, slots=True)
class _Connected:
    """A driver whose server has been found good."""

    driver: neo4j.Driver
    bookmarks: neo4j.BookmarkManager
    version: str


class Neo4jStore:
    """A `graph.store.GraphStore` in a Neo4j database, Community edition or any other. Connects when it is first asked.

    Parameters
    ----------
    address
        Server, database and login.
    """

    name = "neo4j"

    def __init__(self, address: Address) -> None:
        self.address = address
        self._ends = Ends()
        self._settled = 0
        self._seen: int | None = None
        self._counted: int | None = None
        self._rested = 0.0
        self._connecting = Lock()
        self._connected: _Connected | None = None
        self._closed = False
        self._commits = GroupCommit(self._transaction, nullcontext, PAUSES)

    # ---- write

    def write(self, facts: Facts) -> Written:
        batches = whole(facts)
        return self._commits.run(lambda: self._writer.write(batches))

    def remove(self, kind: type[Record], key: Key) -> Written:
        if kind is Customer:
            raise Invalid("a customer is removed by forget", field="kind")
        return self._commits.run(lambda: self._writer.remove(kind, key))

    def forget(self, customer: CustomerId) -> Erasure:
        return self._commits.run(lambda: self._writer.forget(customer))

    def annotate(self, kind: type[Record], ids: Sequence[str], **columns: Sequence[Any]) -> int:
        """Put properties on people or products that are no facts: nobody is told. None removes one.

        Returns how many of the ids nobody has; raises `graph.errors.Invalid` for the name of a fact.
        """

        def put(rows: Rows) -> int:
            return self._commits.run(lambda: put_on(self._writer, kind, rows))

        return sum(map(put, rows_to_note(kind, ids, columns)))

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Transaction]:
        """See `graph.store.GraphStore.exclusive`. One writer at a time: whatever the name, all other writes wait."""
        with self._commits.alone(), self._transaction() as writer:
            yield Exclusive(writer)

    # ---- read

    def read(
        self, kind: type[R], *, columns: tuple[str, ...] | None = None, until: Cursor | None = None
    ) -> Iterator[Columns[R]]:
        names = columns or tuple(field.name for field in FORMS[kind][0].kind.fields)
        if until is not None:
            return self._pages(kind, names, until, self._question)
        return iter(self._moment(kind, names))

    def get(self, kind: type[R], key: Key) -> R | None:
        return self._ask(lambda run: fetch(run, kind, key))

    def known(self, kind: type[Record], keys: Sequence[Key]) -> set[Key]:
        return self._ask(lambda run: known_keys(run, kind, keys))

    def changes(self, since: Cursor, limit: int = 10_000) -> Changes:
        found = self._ask(lambda run: changes_after(run, since, limit, self._settled))
        self._settled = max(self._settled, found.cursor)
        return found

    def around(self, centre: CustomerId, *, hops: int, limit: int) -> Subgraph:
        return self._ask(lambda run: people_around(run, centre, hops=hops, limit=limit))

    def check(self) -> Health:
        counts = self._ask(count_tables)
        return Health(self.name, self._connection().version, Cursor(self._end()[1]), counts)

    # ---- edits by hand

    def take_in_edits(self) -> Edits:
        """See `graph.store.SupportsEditing.take_in_edits`. Looks only after somebody else committed, and not without pause."""
        others = self._commits_of_others()
        if (others is not None and others == self._seen) or monotonic() < self._rested:
            return Edits(0, ())
        began = monotonic()
        end = self._end()[1]
        made = [found.form for found in self._ask(find_made)]
        edited = [found.form for found in self._ask(lambda run: find_edited(run, end))]
        found = Edits(0, ())
        if made or edited:
            found = self._commits.run(lambda: Taker(self._writer).take(made, edited))
        self._seen, self._rested = others, monotonic() + REST * (monotonic() - began)
        return found

    def take_in_losses(self) -> tuple[type[Record], ...]:
        """See `graph.store.SupportsEditing.take_in_losses`."""
        others = self._commits_of_others()
        if others is not None and others == self._counted:
            return ()
        kinds: tuple[type[Record], ...] = ()
        if self._ask(lambda run: find_losses(run, read_place(run))):
            kinds = self._commits.run(lambda: Taker(self._writer).write_off())
        self._counted = others
        return kinds

    def _commits_of_others(self) -> int | None:
        """A number that stays the same as long as nobody but Kith commits; None where the server does not tell."""
        with self._explained(), self._session(neo4j.READ_ACCESS) as session:
            commits = session.execute_read(lambda transaction: read_place(_plain(transaction))).commits
            number = transaction_number(session.last_bookmarks().raw_values)
        return None if number is None else number - commits

    # ---- connections

    def disconnect(self) -> None:
        """Drop all connections, so that whoever waits for an answer gets an error; the next question connects anew."""
        with self._connecting:
            connected, self._connected = self._connected, None
        if connected is not None:
            _drop(connected.driver)

    def close(self) -> None:
        with self._connecting:
            connected, self._connected, self._closed = self._connected, None, True
        if connected is not None:
            connected.driver.close()

    def _connection(self) -> _Connected:
        with self._connecting:
            if self._closed:
                raise Unavailable(f"{self.address.server}: closed; open the store again")
            if self._connected is None:
                self._connected = self._connect()
            return self._connected

    def _connect(self) -> _Connected:
        with self._explained():
            driver = neo4j.GraphDatabase.driver(
                self.address.server,
                auth=(self.address.user, self.address.password),
                connection_timeout=CONNECT_SECONDS,
                connection_acquisition_timeout=2 * CONNECT_SECONDS,
                max_transaction_retry_time=CONNECT_SECONDS,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
                user_agent="kith",
            )
            try:
                with driver.session(database=self.address.database) as session:
                    run = _plain(session)
                    version = check_version(run)
                    self._prepare(run)
            except BaseException:
                driver.close()
                raise
            return _Connected(driver, neo4j.GraphDatabase.bookmark_manager(), version)

    def _prepare(self, run: Run) -> None:
        ensure_schema(run)

    def _session(self, access: str) -> neo4j.Session:
        connected = self._connection()
        return connected.driver.session(
            database=self.address.database,
            default_access_mode=access,
            bookmark_manager=connected.bookmarks,
        )

    # ---- transactions

    @contextmanager
    def _transaction(self) -> Iterator[Writer]:
        """A transaction that holds the lock on the place; committed on leaving, undone if left by an exception.

        Not one that the driver manages: it would not do again what broke off at the commit, as it cannot know
        whether that was carried out. Each transaction leaves its name, so that this store can know.
        """
        token = secrets.token_hex(8)
        with self._explained(), self._session(neo4j.WRITE_ACCESS) as session:
            transaction = session.begin_transaction(timeout=TRANSACTION_SECONDS)
            try:
                run = self._mapped(_plain(transaction))
                run(statement("place/lock"), token=token)
                self._writer = Writer(run, self._ends, locked_place(run))
                yield self._writer
                if not self._writer.changed:
                    transaction.rollback()
                    return
                self._writer.place.sign(token)
                run(statement("place/save"), state=self._writer.place.state())
            except BaseException:
                self._ends.clear()
                with suppress(Neo4jError, DriverError, OSError):
                    transaction.close()
                raise
            self._commit(transaction, token)
            self._settled = max(self._settled, self._writer.place.last)

    def _commit(self, transaction: neo4j.Transaction, token: str) -> None:
        try:
            transaction.commit()
        except (Neo4jError, DriverError, OSError) as error:
            self._ends.clear()
            if not self._was_committed(token):
                raise Interrupted(
                    f"{self.address.server}: nothing was stored ({_first_line(error)}); write it again"
                ) from error

    def _was_committed(self, token: str) -> bool:
        """Whether a transaction whose end is in doubt was committed. Taking the lock waits until it has ended."""
        for pause in PAUSES:
            with suppress(Neo4jError, DriverError, OSError, Interrupted):
                return self._find(token)
            sleep(pause)
        raise Unavailable(_UNCERTAIN.format(self.address.server))

    def _find(self, token: str) -> bool:
        with self._session(neo4j.WRITE_ACCESS) as session, session.begin_transaction() as transaction:
            run = _plain(transaction)
            run(statement("place/lock"), token="")
            return token in locked_place(run).tokens

    def _ask(self, work: Callable[[Run], T]) -> T:
        with self._explained(), self._session(neo4j.READ_ACCESS) as session:
            return session.execute_read(lambda transaction: work(_plain(transaction)))

    def _question(self, text: str, **parameters: Any) -> list[list[Any]]:
        return self._ask(lambda run: run(text, **parameters))

    def _end(self) -> tuple[Place, int]:
        """The state of the store, and how far the indexes show it."""

        def look(run: Run) -> tuple[Place, int]:
            place = read_place(run)
            return place, settled(run, place, self._settled)

        place, end = self._ask(look)
        self._settled = max(self._settled, end)
        return place, end

    def _pages(self, kind: type[R], names: tuple[str, ...], until: int, run: Run) -> Iterator[Columns[R]]:
        for form in FORMS[kind]:
            yield from read_form(run, form, names, until)

    def _moment(self, kind: type[R], names: tuple[str, ...]) -> list[Columns[R]]:
        """All pages as of one moment: read again if somebody wrote meanwhile, at last while nobody else can."""
        for _ in PAUSES:
            before, end = self._end()
            pages = list(self._pages(kind, names, end, self._question))
            after, _ = self._end()
            if end == before.last and all(before.tallies[f.name] == after.tallies[f.name] for f in FORMS[kind]):
                return pages
        return self._commits.run(lambda: list(self._pages(kind, names, self._writer.place.last, self._writer.run)))

    # ---- errors

    def _mapped(self, run: Run) -> Run:
        def mapped(text: str, /, **parameters: Any) -> list[list[Any]]:
            with self._explained():
                return run(text, **parameters)

        return mapped

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise errors that say what happened and what to do, instead of the driver's."""
        try:
            yield
        except (Neo4jError, DriverError, OSError) as error:
            raise self._explanation(error) from error

    def _explanation(self, error: Exception) -> Exception:
        server, why = self.address.server, _first_line(error)
        code = (error.code or "") if isinstance(error, Neo4jError) else ""
        if isinstance(error, AuthError) or "Security" in code:
            return Invalid(
                f"{server} refuses user {self.address.user!r}: check user and password of the store ({why})",
                field="store",
            )
        if "DatabaseNotFound" in code:
            return Invalid(
                f"{server} has no database {self.address.database!r}: name an existing one behind the port",
                field="store",
            )
        if isinstance(error, ConfigurationError):
            return Invalid(f"{server} cannot be used: {why}", field="store")
        if isinstance(error, ClientError) and not isinstance(error, ConstraintError) and "Transaction" not in code:
            return error  # our own mistake
        if isinstance(error, Neo4jError):
            return Interrupted(f"{server} could not do it now ({why}); try again later")
        return Interrupted(
            f"Neo4j cannot be reached at {server} ({why}): start it, or correct the address of the store"
        )


def _drop(driver: neo4j.Driver) -> None:
    """End all connections, those in use as well; the driver's own ``close`` is not made for these."""
    for connections in [*driver._pool.connections.values()]:
        for connection in [*connections]:
            connection.kill()
    driver.close()


def _plain(session: neo4j.Session | neo4j.Transaction | neo4j.ManagedTransaction) -> Run:
    def run(text: str, /, **parameters: Any) -> list[list[Any]]:
        return [record.values() for record in session.run(text, parameters)]

    return run


def _first_line(error: Exception) -> str:
    message = error.message if isinstance(error, Neo4jError) else str(error)
    return (message or type(error).__name__).splitlines()[0]
