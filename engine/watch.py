"""Looks for facts that people made, changed or deleted by hand in a store that they can edit."""

from __future__ import annotations

import logging
from threading import Event, Thread
from time import monotonic

from graph.errors import KithError
from graph.store import SupportsEditing

log = logging.getLogger("kith")


class EditWatcher:
    """A thread that brings edits by hand into the change tail, where every worker hears of them.

    Parameters
    ----------
    store
        The store.
    poll
        Seconds between two looks for what was made or changed.
    drift
        Seconds between two looks for what was deleted.
    """

    def __init__(self, store: SupportsEditing, *, poll: float, drift: float) -> None:
        self._store, self._poll, self._drift = store, poll, drift
        self._next_count = monotonic()
        self._told: set[str] = set()
        self._closing = Event()
        self._thread = Thread(target=self._watch, name="kith-edits", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking; a look that has begun is not waited for."""
        self._closing.set()

    def _watch(self) -> None:
        while not self._closing.wait(self._poll):
            try:
                self._look()
            except KithError as error:
                self._tell(f"edits by hand are not looked for: {error}")
            except Exception:
                if not self._closing.is_set():
                    log.exception("edits by hand are not looked for")

    def _look(self) -> None:
        edits = self._store.take_in_edits()
        if edits.taken:
            log.info("%d facts made or changed by hand are taken in", edits.taken)
        for why in edits.refused:
            self._tell(why)
        if monotonic() >= self._next_count:
            for kind in self._store.take_in_losses():
                log.warning("records were deleted by hand, the store is read anew: %s", kind.__name__)
            self._next_count = monotonic() + self._drift

    def _tell(self, what: str) -> None:
        """Say each thing once."""
        if what not in self._told:
            self._told.add(what)
            log.warning("%s", what)
