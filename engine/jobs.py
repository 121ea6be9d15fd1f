"""The long work of a shop: load, train, evaluate, make the sample shop. Commands and tests call these."""

from __future__ import annotations

import resource
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.console import OnStep, silent
from engine.engine import Engine
from engine.identity import hash_key
from engine.settings import Settings
from graph.artefact import Shelf
from graph.errors import Conflict
from graph.moments import Moment
from graph.records import Purpose
from graph.stores import sqlite_path
from loaders.demo import sample_shop
from loaders.load import Options, load_files
from loaders.report import LoadReport
from recommend.options import TrainingOptions
from recommend.train import train as fit

LOAD_PAUSE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made."""

    model: str
    epoch: int
    customers: int
    products: int
    weights: Mapping[str, float]
    validation: Mapping[str, float]
    cpu_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def load(
    engine: Engine,
    files: Mapping[str, Path],
    *,
    create_missing: bool = False,
    assume_consent: Sequence[Purpose] = (),
    mapping: Mapping[str, str] | None = None,
    rejects: Path | None = None,
    on_step: OnStep = silent,
) -> list[LoadReport]:
    """Load files into the store of an engine; see `loaders.load.load_files`."""
    options = Options(
        now=engine.now(),
        create_missing=create_missing,
        assume_consent=tuple(assume_consent),
        mapping=mapping or {},
        rejects=rejects,
        digits=engine.settings.currency_digits,
        key=hash_key(engine.folder),
        chunk_rows=engine.settings.load_chunk_rows,
        pause=LOAD_PAUSE_SECONDS,
    )

    began = time.perf_counter()

    def on_progress(position: int, size: int, rows: int) -> None:
        rate = rows / max(time.perf_counter() - began, 1e-3)
        on_step("loading", position / max(size, 1), f"{rows:,} rows, {rate:,.0f} rows/s")

    return load_files(files, engine.store, options=options, on_progress=on_progress)


def train(engine: Engine, *, search: bool = False, seed: int = 42, on_step: OnStep = silent) -> Trained:
    """Freeze the facts, fit a model on them, and publish both: running servers serve it within a second or two."""
    began = time.process_time()
    on_step("reading the graph", 0.0)
    snapshot, live = engine.freeze()
    on_step("reading the graph", 1.0)
    model = fit(live, TrainingOptions(search=search, seed=seed), progress=on_step)
    epoch = engine.publish(snapshot, model)
    return Trained(
        model.id,
        epoch,
        len(snapshot.customers),
        len(snapshot.products),
        dict(model.weights),
        dict(model.metrics),
        round(time.process_time() - began, 2),
    )


def clear_demo(settings: Settings, *, fresh: bool) -> None:
    """Remove the sample shop's own store and folder, if a new one is wanted or an earlier making was interrupted."""
    file = sqlite_path(settings.store)
    if fresh or Shelf(settings.folder / "epochs").current() is None:
        for path in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            path.unlink(missing_ok=True)
        shutil.rmtree(settings.folder, ignore_errors=True)


def prepare_demo(
    engine: Engine,
    *,
    seed: int,
    now: Moment | None,
    customers: int = 5_000,
    products: int = 2_000,
    on_step: OnStep = silent,
) -> str:
    """Fill an empty store with the sample shop and train on it; a shop that is there is used again. Says what it did.

    Raises
    ------
    graph.errors.Conflict
        The store holds facts and no model: it may be another shop's.
    """
    if engine.shelf.current() is not None:
        return f"using the shop made earlier in {engine.settings.store}"
    if any(engine.store.check().counts.values()):
        raise Conflict(f"{engine.settings.store} holds a shop already: name an empty store for the sample shop")
    now = engine.now() if now is None else now
    facts = sample_shop(seed=seed, now=now, customers=customers, products=products).facts()
    for done, columns in enumerate(facts):
        on_step("loading the sample shop", done / len(facts))
        engine.write(columns)
    on_step("loading the sample shop", 1.0)
    trained = train(engine, on_step=on_step)
    return f"made a sample shop of {trained.customers:,} customers and {trained.products:,} products"


def peak_memory_mb() -> float:
    """The most memory that this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024**2)
