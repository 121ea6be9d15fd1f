"""Joining the writes of many threads in one durable transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Condition, get_ident
from typing import Any, Generic, TypeVar, cast

from graph.errors import Damaged, Unavailable

T = TypeVar("T")


class Interrupted(Unavailable):
    """Nothing of the transaction was stored, for a reason that may be gone at once."""


class _Ticket(Generic[T]):
    """One caller's work: done when it has a result or an error."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.done = False
        self.result: T | None = None
        self.error: BaseException | None = None

    def outcome(self) -> T:
        if self.error is not None:
            raise self.error
        return cast(T, self.result)


class GroupCommit:
    """Leader and followers: whoever comes while nobody commits leads, and takes along all that waited meanwhile.

    A durable commit costs a wait for the disk; under load one wait serves many callers, alone it delays nobody.

    Parameters
    ----------
    transaction
        Opens a transaction that commits on leaving, or undoes everything if left by an exception.
    part
        Opens a part of it that is undone alone if left by an exception.
    pauses
        Seconds to wait before a transaction that failed with `Interrupted` is done again, each time; then it has failed.
    """

    def __init__(
        self,
        transaction: Callable[[], AbstractContextManager[Any]],
        part: Callable[[], AbstractContextManager[Any]],
        pauses: Sequence[float] = (),
    ) -> None:
        self._transaction = transaction
        self._part = part
        self._pauses = pauses
        self._turn = Condition()
        self._busy = False
        self._alone: int | None = None
        self._waiting: list[_Ticket[Any]] = []

    def run(self, work: Callable[[], T]) -> T:
        """Do ``work`` inside a transaction, perhaps with the work of others; committed when it returns.

        Raises
        ------
        Exception
            Whatever ``work`` raises, to this caller only; it was undone.
        graph.errors.Unavailable
            The transaction as a whole failed; nothing of it was stored.
        """
        ticket = _Ticket(work)
        with self._turn:
            self._refuse_nesting()
            self._waiting.append(ticket)
            while self._busy and not ticket.done:
                self._turn.wait()
            if ticket.done:
                return ticket.outcome()
            self._busy = True
            group, self._waiting = self._waiting, []
        try:
            self._commit(group)
        finally:
            self._free()
        return ticket.outcome()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the others waiting while this block runs."""
        with self._turn:
            self._refuse_nesting()
            while self._busy:
                self._turn.wait()
            self._busy, self._alone = True, get_ident()
        try:
            yield
        finally:
            self._free()

    def _free(self) -> None:
        with self._turn:
            self._busy, self._alone = False, None
            self._turn.notify_all()

    def _refuse_nesting(self) -> None:
        if self._alone == get_ident():
            raise RuntimeError("this thread holds the store exclusively: write through its transaction, or after it")

    def _commit(self, group: list[_Ticket[Any]]) -> None:
        try:
            for pause in self._pauses:
                with suppress(Interrupted):
                    return self._carry_out(group)
                time.sleep(pause)
            self._carry_out(group)
        except BaseException as error:
            shared = error if isinstance(error, Exception) else Unavailable("the write was interrupted; try it again")
            for ticket in group:
                ticket.error = ticket.error or shared
            if shared is not error:
                raise
        finally:
            for ticket in group:
                ticket.done = True

    def _carry_out(self, group: list[_Ticket[Any]]) -> None:
        with self._transaction():
            for ticket in group:
                ticket.error = None
                self._try(ticket)

    def _try(self, ticket: _Ticket[Any]) -> None:
        try:
            with self._part():
                ticket.result = ticket.work()
        except (Unavailable, Damaged):
            raise  # the disk fails everybody, not this caller alone
        except Exception as error:  # noqa: BLE001  # raised again in the thread that asked for it
            ticket.error = error
