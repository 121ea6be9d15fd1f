"""Looks for what would go wrong, and says what to do about it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from typing import Literal

from engine.engine import Engine
from graph.errors import KithError
from graph.snapshot import Snapshot
from graph.store import SupportsEditing
from recommend.scorers.als import load_library

ROOMS = ("api", "engine", "graph", "loaders", "recommend")
OWN_NAME = "kith"
SCARCE_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    state: Literal["ok", "warning", "failed"]
    what: str
    detail: str


def examine(engine: Engine) -> list[Finding]:
    """Look at everything; an error in one look does not stop the others."""
    return [_look(what, check, engine) for what, check in CHECKS.items()]


def _look(what: str, check: Callable[[Engine], Finding], engine: Engine) -> Finding:
    try:
        return check(engine)
    except KithError as error:
        return Finding("failed", what, str(error))


def _python(_: Engine) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("ok" if sys.version_info >= (3, 11) else "failed", "Python", found)


def _names(_: Engine) -> Finding:
    clashes = sorted(f"{room} ({owner})" for room, owner in _strangers())
    if clashes:
        return Finding(
            "failed", "package names", f"also shipped by {', '.join(clashes)}: give Kith an environment of its own"
        )
    return Finding("ok", "package names", "no other package ships ours")


def _strangers() -> Iterator[tuple[str, str]]:
    owners = packages_distributions()
    for room in ROOMS:
        yield from ((room, owner) for owner in owners.get(room, ()) if owner != OWN_NAME)


def _store(engine: Engine) -> Finding:
    health = engine.store.check()
    counts = ", ".join(f"{count:,} {table}" for table, count in health.counts.items() if count)
    return Finding("ok", "store", f"{health.store} {health.version}: {counts or 'empty, run kith load'}")


def _space(engine: Engine) -> Finding:
    place = next(folder for folder in (engine.folder, *engine.folder.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    state: Literal["ok", "warning"] = "ok" if free > SCARCE_BYTES else "warning"
    return Finding(state, "disk space", f"{free / 2**30:.1f} GiB free at {place}")


def _model(engine: Engine) -> Finding:
    current = engine.shelf.current()
    if current is None:
        return Finding("warning", "model", "none published yet: run kith train")
    Snapshot.load(engine.shelf.path(current) / "snapshot")
    ready = engine.readiness()
    if ready.epoch != int(current):
        return Finding("failed", "model", f"epoch {current} is damaged, {ready.epoch} serves instead: run kith train")
    return Finding("ok", "model", f"{ready.model}, epoch {ready.epoch}")


def _training(_: Engine) -> Finding:
    try:
        load_library()
    except ImportError as error:
        advice = "install what is missing; libgomp.so.1 is in libgomp1 of Debian and Ubuntu, libgomp of others"
        return Finding("failed", "training", f"its library does not load ({error}): {advice}")
    return Finding("ok", "training", "its library loads")


def _edits(engine: Engine) -> Finding:
    if not isinstance(engine.store, SupportsEditing):
        return Finding("ok", "edits by hand", "this store has none")
    refused = engine.store.take_in_edits().refused
    if refused:
        return Finding("warning", "edits by hand", f"{len(refused)} cannot be facts, the first: {refused[0]}")
    return Finding("ok", "edits by hand", "all of them are facts")


def _waiting(engine: Engine) -> Finding:
    waiting, refused = engine.waiting()
    if refused:
        return Finding("warning", "waiting facts", f"{refused:,} were refused by the store, see the log of kith serve")
    if waiting:
        advice = "they follow as soon as kith serve runs and the store answers"
        return Finding("warning", "waiting facts", f"{waiting:,} wait for the store: {advice}")
    return Finding("ok", "waiting facts", "none")


def _keys(engine: Engine) -> Finding:
    good = [key for key in engine.keys.all() if key.revoked is None]
    if not engine.keys.required:
        return Finding("warning", "API keys", "none: the API is open on loopback and refuses to listen beyond")
    return Finding("ok", "API keys", f"{len(good)} in use")


CHECKS: dict[str, Callable[[Engine], Finding]] = {
    "Python": _python,
    "package names": _names,
    "store": _store,
    "edits by hand": _edits,
    "waiting facts": _waiting,
    "disk space": _space,
    "training": _training,
    "model": _model,
    "API keys": _keys,
}
