"""The thread that looks for edits by hand."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic, sleep

import pytest

from engine.watch import EditWatcher
from graph.errors import Unavailable
from graph.records import Purchase, Record
from graph.store import Edits


class Edited:
    """A store that is asked for edits: what it answers is set by the test."""

    def __init__(self) -> None:
        self.asked = self.counted = 0
        self.edits: Edits | Exception = Edits(0, ())
        self.losses: tuple[type[Record], ...] = ()

    def take_in_edits(self) -> Edits:
        self.asked += 1
        if isinstance(self.edits, Exception):
            raise self.edits
        return self.edits

    def take_in_losses(self) -> tuple[type[Record], ...]:
        self.counted += 1
        return self.losses


def soon(true: Callable[[], bool]) -> None:
    end = monotonic() + 10
    while not true():
        assert monotonic() < end, "it did not happen within 10 s"
        sleep(0.002)


@pytest.fixture
def store() -> Edited:
    return Edited()


@pytest.fixture
def watcher(store: Edited) -> Iterator[EditWatcher]:
    with closing(EditWatcher(store, poll=0.001, drift=0.05)) as watching:
        yield watching


def test_it_looks_for_edits_at_each_poll_and_counts_at_each_drift(store: Edited, watcher: EditWatcher) -> None:
    soon(lambda: store.counted >= 3)
    assert store.asked > 2 * store.counted


def test_what_cannot_be_a_fact_is_told_once(
    store: Edited, watcher: EditWatcher, caplog: pytest.LogCaptureFixture
) -> None:
    store.edits = Edits(0, ("a customer without an id",))
    asked = store.asked
    soon(lambda: store.asked > asked + 5)
    assert caplog.text.count("a customer without an id") == 1


def test_losses_are_told_by_kind(store: Edited, watcher: EditWatcher, caplog: pytest.LogCaptureFixture) -> None:
    store.losses = (Purchase,)
    soon(lambda: "deleted by hand" in caplog.text)
    assert "Purchase" in caplog.text


@pytest.mark.parametrize("trouble", [Unavailable("the server is away"), ZeroDivisionError("a mistake of ours")])
def test_trouble_does_not_end_the_looking(
    store: Edited, watcher: EditWatcher, caplog: pytest.LogCaptureFixture, trouble: Exception
) -> None:
    with caplog.at_level(logging.WARNING):
        store.edits = trouble
        soon(lambda: "edits by hand are not looked for" in caplog.text)
        store.edits, asked = Edits(0, ()), store.asked
        soon(lambda: store.asked > asked + 3)


def test_closing_ends_the_thread(store: Edited) -> None:
    watcher = EditWatcher(store, poll=0.001, drift=1)
    soon(lambda: store.asked > 0)
    watcher.close()
    soon(lambda: not [thread for thread in threading.enumerate() if thread.name == "kith-edits"])
