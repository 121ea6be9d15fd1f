"""A study run in processes of their own: as many trials at a time as there are processes, each on one core."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.resource_tracker import ensure_running
from pathlib import Path
from signal import SIG_BLOCK, SIG_UNBLOCK, SIGINT, SIGTERM, pthread_sigmask, signal
from threading import Event, Thread
from time import perf_counter
from types import TracebackType
from typing import NamedTuple

from graph.errors import Unavailable
from recommend.study import Ground, Opened, Study, Trial, attempt, begin, open_study

PATIENCE = 10.0
"""Seconds in which a process that is asked to end does so."""


class Limits(NamedTuple):
    """When to stop: so many trials in the study altogether, or so many seconds from now."""

    trials: float
    seconds: float


class Tuning:
    """A run of a study. Use it as a context: leaving it ends the processes, at once if trials are running.

    Parameters
    ----------
    study, ground
        What is tried on what.
    jobs
        How many processes. With one, the same seed and number of trials find the same options; with more, trials end in
        another order every time, and so the next ones differ.
    """

    def __init__(self, study: Study, ground: Ground, *, jobs: int) -> None:
        self._study, self._ground, self._jobs = study, ground, jobs
        self._workers = ExitStack()

    def __enter__(self) -> Tuning:
        _mend(self._study.journal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.__exit__(kind, error, trace)

    @cached_property
    def _first(self) -> Connection:
        return self._worker(0)

    def _worker(self, place: int) -> Connection:
        return self._workers.enter_context(_worker(self._study, self._ground, place))

    @cached_property
    def opened(self) -> Opened:
        """What there is to begin with."""
        with _alive():
            found: Opened = self._first.recv()
        return found

    def run(self, limits: Limits) -> Iterator[Trial]:
        """New trials as they are done; when the time is over, those that are running are waited for."""
        end, asked = perf_counter() + limits.seconds, len(self.opened.trials)
        jobs = int(min(self._jobs, max(limits.trials - asked, 0)))
        busy = [self._first, *(self._worker(place) for place in range(1, jobs))][:jobs]
        asked += jobs
        with _alive():
            for worker in busy:
                worker.send("next")
            while busy:
                ready = wait(busy)
                for worker in [one for one in busy if one in ready]:
                    yield worker.recv()
                    if asked < limits.trials and perf_counter() < end:
                        worker.send("next")
                        asked += 1
                    else:
                        busy.remove(worker)


@contextmanager
def _alive() -> Iterator[None]:
    """Says what it means that the other end of a line is gone."""
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise Unavailable(
            "a trial ended before it was done (out of memory?); what was done is kept: run kith tune again, "
            "with --jobs 1 it takes less memory"
        ) from error


@contextmanager
def _worker(study: Study, ground: Ground, place: int) -> Iterator[Connection]:
    spawning = get_context("spawn")  # a fork would share the store's open files
    here, there = spawning.Pipe()
    process = spawning.Process(target=_work, args=(study, ground, place, there), daemon=True)
    ensure_running()  # the tracker of resources, which would lift the block
    pthread_sigmask(SIG_BLOCK, {SIGINT})  # inherited: Ctrl-C reaches every process of a terminal, this one decides
    process.start()
    try:
        pthread_sigmask(SIG_UNBLOCK, {SIGINT})  # a Ctrl-C that came meanwhile is raised here
        there.close()
        yield here
    except BaseException:
        process.terminate()
        raise
    finally:
        here.close()
        process.join(PATIENCE)
        if process.is_alive():  # what it leaves behind is mended at the next start
            process.kill()
            process.join()


def _mend(journal: Path) -> None:
    """Take away what a process that was killed left behind: half a line, and the lock."""
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    if journal.exists():
        with journal.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)


# ---- in a process of its own


def _work(study: Study, ground: Ground, place: int, commander: Connection) -> None:
    ending = Event()

    def end(*_: object) -> None:
        ending.set()
        sys.exit(1)  # orderly: no lock is left, no line cut short

    signal(SIGTERM, end)
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        _serve(study, ground, place, commander)
    except (EOFError, ConnectionError):
        return  # nobody asks any more
    except Exception:
        if not ending.is_set():  # else it is what Optuna makes of an end amid its journal
            raise


def _serve(study: Study, ground: Ground, place: int, commander: Connection) -> None:
    data = ground.data()
    if place == 0:
        commander.send(begin(study, timed=data.timed))
    opened = open_study(study)
    while True:
        commander.recv()
        commander.send(attempt(opened, study, data, place))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), SIGTERM)
