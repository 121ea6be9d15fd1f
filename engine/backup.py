"""One file that holds everything a shop needs to start again: the store, the published model, the keys."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.engine import Engine
from engine.settings import Settings
from graph.artefact import Shelf, checksum, sync_folder
from graph.errors import Conflict, Damaged, Invalid, NotFound, Unavailable
from graph.store import SupportsBackup
from graph.stores import sqlite_path

SUMS = "sums.json"
STORE = "store.db"
FOLDER = "data"
FORMAT = 1


def backup(engine: Engine, target: Path) -> dict[str, int]:
    """Write a backup while the shop goes on; what was acknowledged before it began is in it.

    Parameters
    ----------
    engine
        Of a SQLite store.
    target
        A file that does not exist yet (tar, not compressed).

    Returns
    -------
    dict
        ``files`` and ``bytes``.

    Raises
    ------
    graph.errors.Invalid
        The store is not one file, or the target exists.
    """
    if not isinstance(engine.store, SupportsBackup):
        raise Invalid(f"backup is for SQLite stores; a {engine.store.name} store has its own tools", field="store")
    if target.exists():
        raise Invalid(f"{target} exists; name a file that does not", field="target")
    with _beside(target) as work:
        engine.store.backup(work / STORE)
        if engine.folder.is_dir():
            shutil.copytree(engine.folder, work / FOLDER, ignore=_only_current(engine.shelf))
        files = sorted(path for path in work.rglob("*") if path.is_file())
        sums = {path.relative_to(work).as_posix(): checksum(path) for path in files}
        (work / SUMS).write_text(json.dumps({"format": FORMAT, "sha256": sums}, indent=1))
        fresh = work / "backup.tar"
        with tarfile.open(fresh, "w") as archive:
            for path in [work / SUMS, *files]:
                archive.add(path, path.relative_to(work).as_posix())
        fresh.replace(target)
        sync_folder(target.parent)
    return {"files": len(files), "bytes": target.stat().st_size}


def restore(source: Path, settings: Settings) -> dict[str, int]:
    """Put a backup where the settings say the store is; nothing is replaced.

    Raises
    ------
    graph.errors.NotFound
        There is no such file.
    graph.errors.Conflict
        The store or its folder exists already.
    graph.errors.Damaged
        The file is no backup, or a part of it has changed.
    """
    if not source.is_file():
        raise NotFound(f"there is no backup {source}")
    file, folder = sqlite_path(settings.store), settings.folder
    for taken in (file, folder):
        if taken.exists():
            raise Conflict(f"{taken} exists: move it away, or restore to another place with --store sqlite:///NEW.db")
    with _beside(file) as work:
        sums = _unpack(source, work)
        if (work / FOLDER).is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(work / FOLDER, folder)
        (work / STORE).replace(file)
        sync_folder(file.parent)
    return {"files": len(sums)}


def _only_current(shelf: Shelf) -> Callable[[str, list[str]], set[str]]:
    kept = {shelf.current(), "current"}

    def skipped(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder) == shelf.root
        return {name for name in names if name.startswith(".") or (inside and name not in kept)}

    return skipped


def _unpack(source: Path, work: Path) -> dict[str, str]:
    try:
        with tarfile.open(source, "r:") as archive:
            archive.extractall(work, filter="data")
        manifest = json.loads((work / SUMS).read_bytes())
        sums: dict[str, str] = manifest["sha256"]
        wrong = [name for name, known in sums.items() if checksum(work / name) != known]
    except (tarfile.TarError, FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{source} is not a whole backup ({error}); use an earlier one") from error
    if manifest.get("format") != FORMAT:
        raise Damaged(f"{source} was written by another version of Kith; restore it with that version")
    if wrong or STORE not in sums:
        raise Damaged(
            f"{source} has changed since it was written ({', '.join(wrong[:3]) or STORE}); use an earlier one"
        )
    return sums


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder on the same disk as the target, so that the last step is one rename."""
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".kith-", dir=target.absolute().parent) as work:
            yield Path(work)
    except OSError as error:
        raise Unavailable(f"cannot write beside {target}: {error.strerror or error}; free some space") from error
