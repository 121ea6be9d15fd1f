"""Threads that carry out calls which may hang, so that whoever asked can stop waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """One thread: carries out what it is given, one thing after the other. It does not keep the process alive."""

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        Thread(target=self._run, name=name, daemon=True).start()

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Have it done after all that was given before. Who sets the outcome of the future first has ended the waiting."""
        outcome: Future[T] = Future()
        self._tasks.put((outcome, work))
        return outcome

    def end(self) -> None:
        """Let the thread end when it has done all that it was given."""
        self._tasks.put(None)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            _carry_out(*task)
            del task  # an idle thread holds on to nothing


def _carry_out(outcome: Future[Any], work: Callable[[], Any]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  # raised again in the thread that asked for it
        with suppress(InvalidStateError):
            outcome.set_exception(error)
    else:
        with suppress(InvalidStateError):
            outcome.set_result(result)


class Workers:
    """As many workers as there are calls at once; idle ones are used again.

    Parameters
    ----------
    name
        Of the threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: deque[Worker] = deque()
        self._closed = False

    def take(self) -> Worker:
        """A worker that nobody else gives anything to, until it is given back."""
        try:
            return self._idle.pop()
        except IndexError:
            return Worker(self._name)

    def give_back(self, worker: Worker) -> None:
        """Let others use a worker, idle or not: what it was given comes first."""
        self._idle.append(worker)
        if self._closed:
            self.close()

    def close(self) -> None:
        """End the threads: the idle ones now, the others when they are given back."""
        self._closed = True
        with suppress(IndexError):
            while True:
                self._idle.pop().end()
