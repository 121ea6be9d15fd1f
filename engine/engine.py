"""The one place that wires: settings, store, live graph, model, keys. Everything is an argument, nothing is global."""

from __future__ import annotations

import logging
import secrets
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Self, TypeVar

from engine.keys import KeyRing
from engine.settings import Settings
from engine.watch import EditWatcher
from graph.artefact import Shelf
from graph.errors import Damaged, NotFound, NotReady, Unavailable
from graph.evidence import EvidenceRules
from graph.freeze import freeze
from graph.live import LiveGraph
from graph.moments import DAY, HOUR, SECOND, Clock, Moment, utcnow
from graph.records import CustomerId, Record
from graph.schema import Key
from graph.sensitive import Sensitive
from graph.snapshot import Snapshot
from graph.store import Erasure, Facts, GraphStore, SupportsEditing, Written
from graph.stores import open_store, stand_by, waiting_in
from recommend.interest import frozen_tastes
from recommend.model import Model
from recommend.query import FriendsBought, Item, Query, Recommendations
from recommend.recommender import Recommender

R = TypeVar("R", bound=Record)
T = TypeVar("T")

log = logging.getLogger("kith")

SPOOL = "spool.db"
"""Where events wait while a store is away, in the folder of the shop."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Recommendations and what they were made with. ``degraded``: the store could not be asked for news."""

    recommendation_id: str
    recommendations: Recommendations
    model: str
    epoch: int
    degraded: bool


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be answered, and by what."""

    ready: bool
    store: str
    model: str | None
    epoch: int | None
    degraded: bool


@dataclass(frozen=True, slots=True)
class _Serving:
    name: str
    live: LiveGraph
    model: Model
    recommender: Recommender
    trained: Snapshot

    @property
    def epoch(self) -> int:
        return int(self.name)


class Engine:
    """Answers questions from the published model and the live graph, and takes in facts. Safe for several threads.

    Parameters
    ----------
    settings
        Of this shop.
    store
        Where facts are kept.
    clock
        Gives the present moment.
    """

    def __init__(self, settings: Settings, store: GraphStore, clock: Clock) -> None:
        self.settings = settings
        self.store = store
        self.now = clock
        self._scratch = tempfile.TemporaryDirectory(prefix="kith-") if _fleeting(settings) else None
        self.folder = Path(self._scratch.name) if self._scratch else settings.folder
        self.keys = KeyRing(self.folder, clock=clock)
        self.shelf = Shelf(self.folder / "epochs")
        self.sensitive = Sensitive(settings.sensitive_categories)
        self.rules = evidence_rules(settings)
        self._serving: _Serving | None = None
        self._lock = Lock()
        self._looked: Moment | None = None
        self._degraded = False
        self._reader = ThreadPoolExecutor(1, "kith-reader")
        self._watcher: EditWatcher | None = None
        self._reading: tuple[_Serving, Future[LiveGraph]] | None = None

    @classmethod
    def open(cls, settings: Settings, *, store: GraphStore | None = None, clock: Clock = utcnow) -> Self:
        """Open the store that the settings name, unless one is given.

        Raises
        ------
        graph.errors.Invalid
            The store's URL is wrong.
        graph.errors.Unavailable
            The store cannot be opened.
        """
        return cls(settings, store or open_store(settings.store, password=settings.neo4j_password), clock)

    @classmethod
    def open_for_server(cls, settings: Settings, *, clock: Clock = utcnow) -> Self:
        """The same for a process that must go on while its store is away, and that hears of edits by hand.

        Raises
        ------
        graph.errors.Invalid
            The store's URL is wrong, or its server refuses the login.
        """
        engine = cls.open(settings, clock=clock)
        store = engine.store
        if isinstance(store, SupportsEditing):
            poll = settings.poll_seconds
            try:
                store.check()
            except Unavailable as error:
                log.warning("it goes on without the store, events are kept and follow: %s", error)
            engine.store = stand_by(store, engine.folder / SPOOL, patience=settings.neo4j_patience, poll=poll)
            engine._watcher = EditWatcher(store, poll=poll, drift=settings.drift_seconds)
        return engine

    def close(self) -> None:
        """Give back the store and, for a store in memory, the folder of its models; a reading of the store is waited for."""
        if self._watcher:
            self._watcher.close()
        self._reader.shutdown()
        self.store.close()
        if self._scratch:
            self._scratch.cleanup()

    # ---- questions

    def recommend(self, query: Query) -> Answer:
        """Rank products for one person.

        Raises
        ------
        graph.errors.NotReady
            No model has been published yet.
        """
        return self._ask(
            lambda serving: Answer(
                f"r-{secrets.token_hex(8)}",
                serving.recommender.recommend(query, serving.live),
                serving.model.id,
                serving.epoch,
                self._degraded,
            )
        )

    def friends_bought(self, product: str, customer: str) -> FriendsBought:
        """The label "friends bought this" of one product for one person."""
        return self._ask(lambda serving: serving.recommender.friends_bought(product, customer, serving.live))

    def similar(self, product: str, limit: int) -> tuple[Item, ...]:
        """Products bought by the same people."""
        return self._ask(lambda serving: serving.recommender.similar(product, limit, serving.live))

    def trending(self, limit: int, category: str | None = None) -> tuple[Item, ...]:
        """Products that many people bought lately."""
        return self._ask(lambda serving: serving.recommender.trending(limit, category, serving.live))

    def readiness(self) -> Readiness:
        """Whether this process can answer."""
        try:
            with self._lock:
                serving = self._fresh()
        except NotReady:
            serving = None
        if serving is None:
            return Readiness(False, self.store.name, None, None, self._degraded)
        return Readiness(True, self.store.name, serving.model.id, serving.epoch, self._degraded)

    # ---- facts

    def write(self, facts: Facts) -> Written:
        """Store facts; durable when it returns, and part of the next answer."""
        return self.store.write(facts)

    def get(self, kind: type[R], key: Key) -> R | None:
        """One record, or None."""
        return self.store.get(kind, key)

    def known(self, kind: type[Record], keys: Sequence[Key]) -> set[Key]:
        """Those of the keys that have a record; none that only a store knows which is away."""
        try:
            return self.store.known(kind, keys)
        except Unavailable:
            return set()

    def remove(self, kind: type[Record], key: Key) -> Written:
        """Remove one record; see `graph.store.GraphStore.remove`."""
        return self.store.remove(kind, key)

    def forget(self, customer: str) -> Erasure:
        """Remove a customer and every record that names them."""
        return self.store.forget(CustomerId(customer))

    def waiting(self) -> tuple[int, int]:
        """How many facts wait on disk for a store that was away, and how many of these it refused for good."""
        return waiting_in(self.folder / SPOOL)

    # ---- models

    def freeze(self) -> tuple[Snapshot, LiveGraph]:
        """The present facts as arrays, and as the graph that a training sees."""
        now = self.now()
        snapshot = freeze(self.store, now=now, sensitive=self.sensitive)
        return snapshot, self.live(snapshot, now)

    def publish(self, snapshot: Snapshot, model: Model) -> int:
        """Make a snapshot and its model the ones that every worker serves; returns the epoch."""

        def write(folder: Path) -> None:
            snapshot.save(folder / "snapshot")
            model.save(folder / "model")

        return int(self.shelf.publish(write))

    def roll_back(self, to: int | None = None) -> int:
        """Make an earlier epoch current, the one before if none is named; returns it.

        Raises
        ------
        graph.errors.NotFound
            There is no such epoch, or none before.
        """
        if to is not None:
            return self.promote(to)
        current = self.shelf.current() or ""
        earlier = [name for name in self.shelf.names() if name < current]
        if not earlier:
            raise NotFound("there is no epoch before the current one; kith models list shows those that are kept")
        return self.promote(int(earlier[-1]))

    def promote(self, epoch: int) -> int:
        """Make a published epoch current, earlier or later; returns it. See `kept`."""
        self.shelf.make_current(self.kept(epoch).name)
        return epoch

    def kept(self, epoch: int) -> Path:
        """The folder of a published epoch.

        Raises
        ------
        graph.errors.NotFound
            There is no such epoch.
        """
        names = self.shelf.names()
        if f"{epoch:06d}" not in names:
            known = ", ".join(str(int(name)) for name in names)
            raise NotFound(f"there is no epoch {epoch}; " + (f"those kept are {known}" if known else "run kith train"))
        return self.shelf.path(f"{epoch:06d}")

    # ---- inside

    def _ask(self, question: Callable[[_Serving], T]) -> T:
        with self._lock:
            serving = self._fresh()
            if serving is None:
                raise NotReady("no model has been published yet: run kith train, then ask again")
            return question(serving)

    def _fresh(self) -> _Serving | None:
        now = self.now()
        due = self._looked is None or now - self._looked >= self.settings.poll_seconds * SECOND
        if due:
            self._looked = now
            self._follow(now)
        if self._serving is not None:
            lost_before = self._serving.live.lost
            self._serving.live.roll(now)
            self._degraded = not self._catch_up(self._serving.live, now)
            if not self._degraded:
                self._take_reading(self._serving, now)
                if self._serving.live.lost and (due or not lost_before):
                    self._begin_reading(self._serving, now)
        return self._serving

    def _follow(self, now: Moment) -> None:
        """Serve what is published now; if it is damaged, the newest one that is whole."""
        current = self.shelf.current()
        if current is None or (self._serving is not None and self._serving.name == current):
            return
        for name in [current, *reversed([name for name in self.shelf.names() if name < current])]:
            if self._serving is not None and self._serving.name == name:
                return
            try:
                self._serving = self._open(name, now)
                return
            except Damaged as error:
                log.error("epoch %s is refused: %s", name, error)
        raise NotReady(f"no published model in {self.shelf.root} is whole: run kith train")

    def _open(self, name: str, now: Moment) -> _Serving:
        folder = self.shelf.path(name)
        snapshot = Snapshot.load(folder / "snapshot")
        model = Model.load(folder / "model")
        return _Serving(name, self.live(snapshot, now), model, Recommender(model), snapshot)

    def live(self, snapshot: Snapshot, now: Moment, trained: Snapshot | None = None) -> LiveGraph:
        """A snapshot under the rules of this shop; see `graph.live.LiveGraph`."""
        return LiveGraph(
            snapshot,
            now=now,
            rules=self.rules,
            presumed=self.settings.presumed_purposes,
            sensitive=self.sensitive,
            trained=trained,
        )

    def _catch_up(self, live: LiveGraph, now: Moment) -> bool:
        """Whether the store told its news."""
        try:
            self._hear(live, now)
        except Unavailable as error:
            if not self._degraded:
                log.warning("answers go on without news: %s", error)
            return False
        return True

    def _hear(self, live: LiveGraph, now: Moment) -> None:
        more = True
        while more:
            changes = self.store.changes(live.cursor)
            live.apply(changes, now)
            more = changes.more

    # ---- facts that were deleted outside Kith: answers go on from those there were while the store is read anew

    def _begin_reading(self, serving: _Serving, now: Moment) -> None:
        if self._reading is None:
            log.info("facts were deleted outside Kith: the store is read anew")
            self._reading = serving, self._reader.submit(self._read, serving.trained, now)

    def _read(self, trained: Snapshot, now: Moment) -> LiveGraph:
        snapshot = freeze(self.store, now=now, sensitive=self.sensitive, positions=trained)
        live = self.live(snapshot, now, trained)
        self._hear(live, now)
        frozen_tastes(snapshot)  # worked out here, so that no answer waits for it
        return live

    def _take_reading(self, serving: _Serving, now: Moment) -> None:
        """Serve what was read anew once it knows all that is known, unless another model is served by then."""
        if self._reading is None or not self._reading[1].done():
            return
        read_for, reading = self._reading
        error = reading.exception()
        if error is not None:
            trace = None if isinstance(error, Unavailable) else error
            log.warning("answers go on with facts that were deleted outside Kith: %s", error, exc_info=trace)
        elif read_for is serving:
            if not self._catch_up(reading.result(), now):
                return
            self._serving = replace(serving, live=reading.result())
        self._reading = None


def _fleeting(settings: Settings) -> bool:
    return settings.data_dir is None and settings.store.startswith("memory:")


def evidence_rules(settings: Settings) -> EvidenceRules:
    """The rules of evidence with the figures of a shop."""
    return EvidenceRules(
        min_buyers=settings.evidence_min_buyers,
        min_non_buyers=settings.evidence_min_non_buyers,
        tie_age=round(settings.evidence_tie_days * DAY),
        settled_age=round(settings.evidence_settled_days * DAY),
        delay=round(settings.evidence_delay_hours * HOUR),
        epoch=round(settings.evidence_epoch_hours * HOUR),
        minor_age=settings.minor_age,
    )
