"""A store that may be away: every call to it ends in time, and what is written meanwhile waits on disk and follows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import wait as wait_for
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import Any, Protocol, TypeVar, runtime_checkable

from graph.columns import Columns, by_kind
from graph.errors import Invalid, Unavailable
from graph.records import CustomerId, Record
from graph.schema import Key, kind_of
from graph.store import START, Changes, Cursor, Erasure, Facts, GraphStore, Health, Subgraph, Transaction, Written
from graph.stores.spool import Kept, Spool
from graph.stores.worker_threads import Worker, Workers

R = TypeVar("R", bound=Record)
T = TypeVar("T")

log = logging.getLogger("kith")

_LONG = 12  # what grows with the store may take so many times the patience
_PIECE = 2_000  # facts handed over at a time
_SLOW = 1_000  # records a second that even a busy store takes
_LEAVE = 1.0  # seconds that closing lets the keeper finish what it does


@runtime_checkable
class SupportsDisconnect(Protocol):
    """A store that can drop its connections, so that every call that waits for an answer ends with an error."""

    def disconnect(self) -> None:
        """Drop them; the next call connects anew."""
        ...


class SpooledStore:
    """A `graph.store.GraphStore` around another one, which may be away.

    It is away when a call raised `Unavailable` or was not answered in time. Then events are kept in the spool and count as
    written; everything else is refused at once. One thread, the keeper, tries the store again, lets what waits follow in its
    order, and only then are calls let through again.

    Parameters
    ----------
    store
        The store behind. Closed with this one.
    spool
        Where facts wait. Closed with this one.
    patience
        Seconds that a call may take; those whose work grows with the store get more.
    poll
        Seconds between two looks of the keeper at the store.
    check
        What a batch must pass before it waits, as the store itself cannot be asked: raises `Invalid`.

    Attributes
    ----------
    name
        That of the store behind.
    """

    def __init__(
        self,
        store: GraphStore,
        spool: Spool,
        *,
        patience: float,
        poll: float,
        check: Callable[[Columns[Any]], object] = Columns.whole,
    ) -> None:
        self.name = store.name
        self.spool = spool
        self._store, self._patience, self._poll, self._check = store, patience, poll, check
        self._lock = Lock()
        self._away: str | None = None  # why
        self._running = 0  # calls that the store has not ended, given up or not
        self._place, self._quiet = START, False  # quiet: nothing was newer than the place when it was looked at
        self._stirred = 0
        self._piece = _PIECE
        self._told: set[str] = set()
        self._workers = Workers("kith-store")
        self._asked: set[Future[Any]] = set()
        self._dropping: Future[None] | None = None
        self._closing = Event()
        self._keeper = Thread(target=self._keep, name="kith-keeper", daemon=True)
        self._keeper.start()

    @property
    def away(self) -> bool:
        """Whether the store behind is away."""
        return self._away is not None

    def waiting(self) -> int:
        """How many facts wait for the store behind."""
        return self.spool.waiting()

    # ---- write

    def write(self, facts: Facts) -> Written:
        """See `graph.store.GraphStore.write`. Facts that must wait all count as changed.

        Raises
        ------
        graph.errors.Unavailable
            The store behind is away and nothing could be kept on disk either. Nothing was stored.
        """
        kept: Kept = facts if isinstance(facts, Columns) else list(facts)
        if self.spool.waiting() and not self.away and self._wait_behind(kept):
            return self._taken(kept)
        with suppress(Unavailable):
            return self._store_now(kept)
        self._checked(kept)
        self.spool.append(kept)
        return self._taken(kept)

    def remove(self, kind: type[Record], key: Key) -> Written:
        self._settle()
        written = self._ask(lambda: self._store.remove(kind, key))
        self._learn(written.cursor, True)
        return written

    def forget(self, customer: CustomerId) -> Erasure:
        """See `graph.store.GraphStore.forget`. What waits goes first: nothing of the customer can follow later."""
        self._refuse_if_away()
        waited = self.spool.forget(customer)
        erasure = self._ask(lambda: self._store.forget(customer), self._patience * _LONG)
        self._stir()
        tables = {*waited, *erasure.removed}
        return Erasure(customer, {table: waited.get(table, 0) + erasure.removed.get(table, 0) for table in tables})

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Transaction]:
        """See `graph.store.GraphStore.exclusive`. One worker does all of it, as locks belong to threads."""
        self._settle()
        worker, stack = self._engage(), ExitStack()
        try:
            step = partial(self._answer_of, worker, seconds=self._patience * _LONG)
            yield _Exclusive(step, step(lambda: stack.enter_context(self._store.exclusive(name))))
            step(stack.close)
        except BaseException as error:
            undone = worker.begin(partial(stack.__exit__, type(error), error, error.__traceback__))
            wait_for([undone], self._patience)
            raise
        finally:
            self._release(worker)
            self._stir()

    # ---- read

    def read(
        self, kind: type[R], *, columns: tuple[str, ...] | None = None, until: Cursor | None = None
    ) -> Iterator[Columns[R]]:
        seconds = self._patience * _LONG
        batches = self._ask(lambda: self._store.read(kind, columns=columns, until=until), seconds)
        try:
            while (batch := self._ask(lambda: next(batches, None), seconds)) is not None:
                yield batch
        finally:
            if isinstance(batches, Generator):
                self._aside(batches.close)

    def get(self, kind: type[R], key: Key) -> R | None:
        """See `graph.store.GraphStore.get`. What waits is known already, also while the store behind is away."""
        waits = self.spool.get(kind, key) if self.spool.waiting() else None
        if waits is not None and kind_of(kind).lasting:
            return waits
        try:
            return self._ask(lambda: self._store.get(kind, key)) or waits
        except Unavailable:
            if waits is None:
                raise
            return waits

    def known(self, kind: type[Record], keys: Sequence[Key]) -> set[Key]:
        """See `graph.store.GraphStore.known`. While the store behind is away, those that wait: nobody can tell of the others."""
        waiting = self.spool.known(kind, keys) if self.spool.waiting() else set()
        with suppress(Unavailable):
            return waiting | self._ask(lambda: self._store.known(kind, keys))
        return waiting

    def changes(self, since: Cursor, limit: int = 10_000) -> Changes:
        """See `graph.store.GraphStore.changes`. Asks the store behind only if something is known to be new there."""
        self._refuse_if_away()
        if self._quiet and since >= self._place:
            return Changes(since, (), False)
        return self._tail(since, limit)

    def around(self, centre: CustomerId, *, hops: int, limit: int) -> Subgraph:
        return self._ask(lambda: self._store.around(centre, hops=hops, limit=limit))

    def check(self) -> Health:
        return self._ask(self._store.check, self._patience * _LONG)

    def close(self) -> None:
        """Close the store behind and the spool. What waits stays on disk, for the next process."""
        self._closing.set()
        self._keeper.join(_LEAVE)
        closed = self._aside(self._store.close)
        for call in [*self._asked]:
            with suppress(InvalidStateError):
                call.set_exception(Unavailable(f"the {self.name} store is closed; open it again"))
        wait_for([closed], self._patience)
        self._keeper.join(self._patience)
        self.spool.close()
        self._workers.close()

    # ---- what waits

    def _wait_behind(self, facts: Kept) -> bool:
        """Keep facts if others still wait: those that come later must not overtake them."""
        self._checked(facts)
        return self.spool.append(facts, behind=True)

    def _checked(self, facts: Kept) -> None:
        for batch in [facts] if isinstance(facts, Columns) else by_kind(facts):
            self._check(batch)

    def _taken(self, facts: Kept) -> Written:
        return Written(self._place, len(facts))

    def _store_now(self, facts: Kept, *, keeper: bool = False) -> Written:
        seconds = self._patience * (_LONG if keeper else 1) + len(facts) / _SLOW
        written = self._ask(lambda: self._store.write(facts), seconds, keeper=keeper)
        self._learn(written.cursor, True)
        return written

    def _settle(self) -> None:
        """Let what waits reach the store now: what comes next must find it there."""
        self._refuse_if_away()
        end = monotonic() + self._patience
        while self.spool.waiting():
            if not self.spool.drain(self._store_now):
                if monotonic() > end:
                    raise Unavailable(f"{self.spool.path}: what waits there has not been stored yet; try again")
                sleep(0.01)

    # ---- calls to the store behind

    def _ask(self, work: Callable[[], T], seconds: float | None = None, *, keeper: bool = False) -> T:
        worker = self._engage(keeper=keeper)
        try:
            return self._answer_of(worker, work, seconds or self._patience)
        finally:
            self._release(worker)

    def _engage(self, *, keeper: bool = False) -> Worker:
        with self._lock:
            if not keeper:
                self._refuse_if_away()
            self._running += 1
        return self._workers.take()

    def _release(self, worker: Worker) -> None:
        """Once the worker has done what it was given, even if nobody waits for that any more."""

        def ended() -> None:
            with self._lock:
                self._running -= 1
            self._workers.give_back(worker)

        worker.begin(ended)

    def _answer_of(self, worker: Worker, work: Callable[[], T], seconds: float) -> T:
        call = worker.begin(work)
        self._asked.add(call)
        try:
            if self._closing.is_set():
                raise Unavailable(f"the {self.name} store is closed; open it again")
            return call.result(seconds)
        except TimeoutError as error:
            if call.done():
                raise
            self._lose(f"it did not answer within {seconds:g} s")
            self._disconnect()
            raise Unavailable(f"the {self.name} store did not answer within {seconds:g} s; try again later") from error
        except Unavailable as error:
            self._lose(str(error))
            raise
        except Invalid as error:
            if error.field != "store":
                raise
            self._lose(str(error))  # the server refuses us, not the facts: a changed password, a dropped database
            raise Unavailable(str(error)) from error
        finally:
            self._asked.discard(call)

    def _aside(self, work: Callable[[], T]) -> Future[T]:
        """Have something done that nobody waits for, at least not for ever."""
        worker = self._workers.take()
        call = worker.begin(work)
        worker.begin(partial(self._workers.give_back, worker))
        return call

    def _disconnect(self) -> None:
        """End the calls that hang. In a thread of its own, as even this may hang."""
        if isinstance(self._store, SupportsDisconnect) and (self._dropping is None or self._dropping.done()):
            self._dropping = self._aside(self._store.disconnect)

    # ---- away and back

    def _refuse_if_away(self) -> None:
        if self._away is not None:
            raise Unavailable(
                f"the {self.name} store is away ({self._away}): events are kept and follow, try anything else again later"
            )

    def _lose(self, why: str) -> None:
        with self._lock:
            if self._away is not None or self._closing.is_set():
                return
            self._away = why
            self._told = {why}
        log.warning("the %s store is away, events wait in %s: %s", self.name, self.spool.path, why)

    def _tail(self, since: Cursor, limit: int, *, keeper: bool = False) -> Changes:
        stirred = self._stirred
        found = self._ask(lambda: self._store.changes(since, limit), keeper=keeper)
        self._learn(found.cursor, not found.more and stirred == self._stirred)
        return found

    def _learn(self, cursor: Cursor, last: bool) -> None:
        """The store has come to this cursor; ``last``: and no further."""
        with self._lock:
            if cursor > self._place:
                self._place, self._quiet = cursor, last
            elif cursor == self._place:
                self._quiet |= last

    def _stir(self) -> None:
        """Something may have been written whose cursor is not known."""
        with self._lock:
            self._stirred += 1
            self._quiet = False

    def _keep(self) -> None:
        while not self._closing.is_set():
            try:
                self._come_back() if self.away else self._look_after()
            except Exception as error:  # noqa: BLE001  # it goes on, whatever the store or the disk does
                self._tell(error)
            self._closing.wait(self._poll)

    def _look_after(self) -> None:
        self._tail(self._place, 1, keeper=True)
        self._drain()
        self.spool.scrub()

    def _come_back(self) -> None:
        if self._running:  # one that was given up may still write: what waits must not be overtaken by it
            self._disconnect()
            return
        self._tail(self._place, 1, keeper=True)
        followed = self._drain()
        with self._lock:
            self._away = None
            self._told.clear()
        log.warning("the %s store is back; %d facts that waited are stored", self.name, followed)

    def _drain(self) -> int:
        """Hand over what waits, in pieces that become smaller while the store cannot take them in time."""
        total = 0
        while not self._closing.is_set() and self.spool.waiting():
            piece, self._piece = self._piece, max(1, self._piece // 2)
            handed = self.spool.drain(partial(self._store_now, keeper=True), limit=piece)
            self._piece = _PIECE
            if not handed:  # another process is at it
                break
            total += handed
        return total

    def _tell(self, error: Exception) -> None:
        """Log each trouble once, until the store goes or comes."""
        what = str(error)
        if what not in self._told and not self._closing.is_set():
            self._told.add(what)
            log.warning("looking after the %s store: %s", self.name, what, exc_info=not isinstance(error, Unavailable))


class _Exclusive:
    """What `SpooledStore.exclusive` hands out."""

    def __init__(self, step: Callable[[Callable[[], Any]], Any], transaction: Transaction) -> None:
        self._step, self._transaction = step, transaction

    def get(self, kind: type[R], key: Key) -> R | None:
        found: R | None = self._step(lambda: self._transaction.get(kind, key))
        return found

    def write(self, facts: Facts) -> Written:
        kept: Kept = facts if isinstance(facts, Columns) else list(facts)
        written: Written = self._step(lambda: self._transaction.write(kept))
        return written
