"""The published epochs: what each holds, and how two of them differ."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.engine import Engine
from graph.artefact import read_manifest
from graph.errors import Damaged
from graph.live import LiveGraph
from graph.moments import DAY, Moment, to_text
from graph.snapshot import Snapshot
from recommend.compare import Difference
from recommend.gate import gained
from recommend.model import Model
from recommend.options import TrainingOptions
from recommend.query import Query
from recommend.recommender import Recommender

ASKED = 200
"""So many customers are asked about how much the answers of two models differ."""

FIRST = 20
NDCG = f"ndcg@{FIRST}"

log = logging.getLogger("kith")


@dataclass(frozen=True)
class Epoch:
    """A published model, the moment of its facts, and their sums."""

    number: int
    current: bool
    as_of: Moment
    facts: Mapping[str, str]
    model: Model

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        metrics = self.model.metrics
        return {
            "epoch": self.number,
            "current": self.current,
            "model": self.model.id,
            "facts_of": to_text(self.as_of),
            "customers": len(self.model.customers),
            "products": len(self.model.products),
            NDCG: metrics.get(NDCG),
            "standard_error": metrics.get(f"{NDCG}, standard error"),
            "weights": dict(self.model.weights),
            "options": differing(self.model.options),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two epochs side by side.

    Attributes
    ----------
    overlap
        Share of the first twenty products that both show, mean over ``asked`` customers.
    gain
        Of the second over the first in NDCG@20, on the same validation people; None where they were not the same.
    """

    first: Epoch
    second: Epoch
    overlap: float
    asked: int
    gain: Difference | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "first": self.first.as_dict(),
            "second": self.second.as_dict(),
            f"overlap@{FIRST}": self.overlap,
            "asked": self.asked,
            "gain": None if self.gain is None else self.gain._asdict(),
        }


def differing(options: TrainingOptions) -> dict[str, Any]:
    """What is not as in the defaults."""
    defaults = TrainingOptions().as_json()
    return {name: value for name, value in options.as_json().items() if value != defaults[name]}


def in_words(options: Mapping[str, Any]) -> str:
    """Options on one line, moments in days."""
    return ", ".join(f"{name} {_shown(name, value)}" for name, value in options.items()) or "the defaults"


def _shown(name: str, value: Any) -> str:
    if name in ("half_life", "recency") and value:
        return f"{value / DAY:g} days"
    return f"{value:g}" if isinstance(value, float) else str(value)


def listed(engine: Engine) -> list[dict[str, Any]]:
    """Those that are kept, for JSON, oldest first; one that cannot be read tells why."""
    found = []
    for name in engine.shelf.names():
        try:
            found.append(read(engine, int(name)).as_dict())
        except Damaged as error:
            current = name == engine.shelf.current()
            found.append({"epoch": int(name), "current": current, "damaged": str(error)})
    return found


def read(engine: Engine, number: int) -> Epoch:
    """One of them.

    Raises
    ------
    graph.errors.NotFound
        There is no such epoch.
    graph.errors.Damaged
        It cannot be read.
    """
    folder = engine.kept(number)
    facts, meta = read_manifest(folder / "snapshot")
    return Epoch(number, folder.name == engine.shelf.current(), meta["as_of"], facts, Model.load(folder / "model"))


def published(engine: Engine) -> Epoch | None:
    """The current one, None if there is none that can be read."""
    current = engine.shelf.current()
    try:
        return None if current is None else read(engine, int(current))
    except Damaged as error:
        log.warning("epoch %s is left out of account: %s", current, error)
        return None


def compare(engine: Engine, first: int, second: int, *, seed: int) -> Comparison:
    """What differs between two epochs; nothing is trained. Both are asked on the facts of the later one.

    Raises
    ------
    graph.errors.NotFound
        There is no such epoch.
    graph.errors.Damaged
        One of them cannot be read.
    """
    one, two = read(engine, first), read(engine, second)
    snapshot = Snapshot.load(engine.kept(max(first, second)) / "snapshot")
    live = engine.live(snapshot, snapshot.as_of)
    overlaps = _overlaps(live, one.model, two.model, seed)
    gain = None
    if one.facts == two.facts and _same_people(one.model, two.model):
        gain = gained(two.model.figures, one.model.figures, seed)
    return Comparison(one, two, float(overlaps.mean()) if len(overlaps) else 1.0, len(overlaps), gain)


def _same_people(one: Model, two: Model) -> bool:
    """Whether models of the same facts were validated on the same people."""
    held = ("seed", "validation_share", "validation_customers", "validation_least")
    alike = all(getattr(one.options, name) == getattr(two.options, name) for name in held)
    return alike and len(one.figures) == len(two.figures) > 0


def _overlaps(live: LiveGraph, one: Model, two: Model, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """For each customer asked, the share of the longer list that both hold."""
    people = np.random.default_rng(seed).permutation(len(live.snapshot.customers))[:ASKED]
    recommenders = [Recommender(model.aligned(live.snapshot)) for model in (one, two)]
    found = []
    for name in live.customers.names(np.sort(people).tolist()):
        query = Query(customer=name, limit=FIRST)
        lists = [set(recommender.rank(query, live)) for recommender in recommenders]
        longest = max(map(len, lists))
        found.append(len(lists[0] & lists[1]) / longest if longest else 1.0)
    return np.array(found)
