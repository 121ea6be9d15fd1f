"""The long work of a shop: load, train, evaluate, make the sample shop. Commands and tests call these."""

from __future__ import annotations

import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.console import OnStep, silent
from engine.engine import Engine
from engine.epochs import differing, published
from engine.identity import hash_key
from engine.neo4j_server import LocalServer
from engine.settings import Settings, without_password
from engine.tuning import remembered
from graph.artefact import Shelf
from graph.columns import Columns
from graph.errors import Conflict
from graph.export_folder import open_folder
from graph.moments import Moment
from graph.records import Purpose
from graph.stores import sqlite_path
from loaders.demo import sample_shop
from loaders.load import Options, load_files
from loaders.report import LoadReport
from loaders.whole_graph import GraphOptions
from loaders.whole_graph import load_graph as load_whole_graph
from recommend.compare import Difference
from recommend.gate import choose
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.train import fit

LOAD_PAUSE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made.

    Attributes
    ----------
    options
        Whether it was trained with the defaults, with what ``kith tune`` found, or, as those were worse, with what the model
        published before was trained with.
    differing
        Those options that are not the defaults.
    gain
        Of the options wanted over those published before; None if they are the same, or nothing was published.
    """

    model: str
    epoch: int
    customers: int
    products: int
    weights: Mapping[str, float]
    validation: Mapping[str, float]
    options: Literal["defaults", "tuned", "published"]
    differing: Mapping[str, Any]
    gain: Difference | None
    cpu_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        gain = None if self.gain is None else self.gain._asdict()
        return {name: getattr(self, name) for name in self.__slots__} | {"gain": gain}


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
    return load_files(files, engine.store, options=options, on_progress=_loading(on_step))


def load_graph(
    engine: Engine, folder: Path, *, rejects: Path | None = None, on_step: OnStep = silent
) -> list[LoadReport]:
    """Load a folder that `graph.exchange.export` wrote, record for record; see `loaders.whole_graph.load_graph`."""
    exported = open_folder(folder, digits=engine.settings.currency_digits)
    exported.verify(lambda done: on_step("checking the files", done))
    chunk_rows = engine.settings.load_chunk_rows
    options = GraphOptions(rejects=rejects, chunk_rows=chunk_rows, pause=LOAD_PAUSE_SECONDS)
    show = _loading(on_step)
    return load_whole_graph(exported, engine.store, options=options, on_progress=lambda done, of: show(done, of, done))


def _loading(on_step: OnStep) -> Callable[[int, int, int], None]:
    """Shows the part that is done, of how much, and the speed in rows."""
    began = time.perf_counter()

    def show(done: int, of: int, rows: int) -> None:
        rate = rows / max(time.perf_counter() - began, 1e-3)
        on_step("loading", done / of if of else 1.0, f"{rows:,} rows, {rate:,.0f} rows/s")

    return show


def train(
    engine: Engine, *, search: bool = False, defaults: bool = False, seed: int = 42, on_step: OnStep = silent
) -> Trained:
    """Freeze the facts, fit a model on them, and publish both: running servers serve it within a second or two.

    The options are those that ``kith tune`` found best, if it ran, unless those of the model published before rank better
    on the new facts; with ``defaults`` the defaults, whatever was found or published.
    """
    began = time.process_time()
    on_step("reading the graph", 0.0)
    snapshot, live = engine.freeze()
    on_step("reading the graph", 1.0)
    data, base = TrainingData.of(live), TrainingOptions(search=search, seed=seed)
    tuned, before = (None, None) if defaults else (remembered(engine, base), published(engine))
    choice = choose(data, tuned or base, None if before is None else before.model.options, progress=on_step)
    model = fit(data, choice.options, choice.lesson, progress=on_step)
    return Trained(
        model.id,
        engine.publish(snapshot, model),
        len(snapshot.customers),
        len(snapshot.products),
        dict(model.weights),
        dict(model.metrics),
        "published" if choice.refused else "tuned" if tuned else "defaults",
        differing(model.options),
        choice.gain,
        round(time.process_time() - began, 2),
    )


def clear_demo(settings: Settings, *, fresh: bool, server: LocalServer | None = None) -> None:
    """Remove the sample shop's own store and folder, if a new one is wanted or an earlier making was interrupted.

    A store in a ``server`` goes with that server's folder.
    """
    if not fresh and Shelf(settings.folder / "epochs").current() is not None:
        return
    if server is None:
        file = sqlite_path(settings.store)
        for path in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            path.unlink(missing_ok=True)
    else:
        server.stop()
        shutil.rmtree(server.status().home, ignore_errors=True)
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
    place = without_password(engine.settings.store)
    if engine.shelf.current() is not None:
        return f"using the shop made earlier in {place}"
    if any(engine.store.check().counts.values()):
        raise Conflict(f"{place} holds a shop already: name an empty store for the sample shop")
    now = engine.now() if now is None else now
    facts = sample_shop(seed=seed, now=now, customers=customers, products=products).facts()
    done, total = 0, sum(map(len, facts))
    for columns in facts:
        for piece in _pieces(columns, engine.settings.load_chunk_rows):
            on_step("loading the sample shop", done / total)
            engine.write(piece)
            done += len(piece)
    on_step("loading the sample shop", 1.0)
    trained = train(engine, on_step=on_step)
    return f"made a sample shop of {trained.customers:,} customers and {trained.products:,} products"


def _pieces(columns: Columns[Any], rows: int) -> Iterator[Columns[Any]]:
    """The same facts, no more than so many at a time: a server has its limit for one transaction."""
    for start in range(0, len(columns), rows):
        part = {name: column[start : start + rows] for name, column in columns.values.items()}
        yield Columns(columns.kind, part)


def peak_memory_mb() -> float:
    """The most memory that this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024**2)
