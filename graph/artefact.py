"""Arrays on disk: written whole or not at all, checksummed, memory-mapped when read, the earlier ones kept.

A flipped bit in a raw array would load without a word, therefore nothing is used before its SHA-256 agrees with the manifest.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import Damaged, NotFound, Unavailable

MANIFEST = "manifest.json"
Arrays = Mapping[str, NDArray[Any]]


def save_arrays(folder: Path, arrays: Arrays, meta: Mapping[str, Any]) -> None:
    """Write arrays and a manifest with their sums into a folder that does not exist yet; fsynced when it returns."""
    try:
        folder.mkdir(parents=True)
        sums = {name: _save(folder / f"{name}.npy", array) for name, array in sorted(arrays.items())}
        write_whole(folder / MANIFEST, json.dumps({"meta": meta, "sha256": sums}, indent=1, sort_keys=True).encode())
    except OSError as error:
        raise Unavailable(
            f"cannot write {folder}: {error.strerror}; free some space or check its permissions"
        ) from error


def load_arrays(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Memory-map the arrays of a folder after checking every sum.

    Raises
    ------
    graph.errors.Damaged
        A file is missing, cut short or changed.
    """
    try:
        sums, meta = read_manifest(folder)
        return {name: _load(folder / f"{name}.npy", known) for name, known in sums.items()}, dict(meta)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{folder} cannot be read ({error}); roll back to an earlier one or train again") from error


def read_manifest(folder: Path) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """The sum of each array, and what lies beside them, without reading the arrays.

    Raises
    ------
    graph.errors.Damaged
        There is no manifest, or it is cut short.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return manifest["sha256"], manifest["meta"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{folder} cannot be read ({error}); roll back to an earlier one or train again") from error


def _save(path: Path, array: NDArray[Any]) -> str:
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return checksum(path)


def _load(path: Path, known: str) -> NDArray[Any]:
    if checksum(path) != known:
        raise Damaged(f"{path} has changed since it was written; roll back to an earlier one or train again")
    if path.stat().st_size == 0:
        raise Damaged(f"{path} is empty")
    array: NDArray[Any] = np.load(path, allow_pickle=False)
    if not array.nbytes:
        return array
    # as a plain array over the map: slicing np.memmap itself costs several microseconds each time
    mapped: NDArray[Any] = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    return mapped


def checksum(path: Path) -> str:
    """SHA-256 of the bytes of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file so that a reader, or a crash, finds either the old bytes or the new ones."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(fresh, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:  # Path.open has no opener
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Shelf:
    """A folder of numbered artefacts, of which one is current.

    ``publish`` writes beside, renames, then moves ``current``: a crash at any moment leaves the earlier one in force.
    """

    def __init__(self, root: Path, *, keep: int = 3) -> None:
        self.root = root
        self._keep = keep

    def publish(self, write: Callable[[Path], None]) -> str:
        """Let ``write`` fill a new folder, make it current and drop the oldest beyond ``keep``; returns its name."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self._alone():
            name = f"{max(map(int, self.names()), default=0) + 1:06d}"
            fresh = self.root / f".fresh-{name}"
            try:
                write(fresh)
                fresh.rename(self.root / name)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
            self.make_current(name)
            self._drop_old()
            return name

    def make_current(self, name: str) -> None:
        """Choose an artefact that exists, for example an earlier one."""
        if not (self.root / name).is_dir():
            raise NotFound(f"{self.root} has no {name}; it has {', '.join(self.names()) or 'nothing'}")
        write_whole(self.root / "current", name.encode())

    def current(self) -> str | None:
        """The name of the current artefact, None if nothing has been published."""
        try:
            return (self.root / "current").read_text() or None
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        """Every artefact, oldest first."""
        return sorted(path.name for path in self.root.glob("[0-9]*") if path.is_dir())

    def path(self, name: str) -> Path:
        """The folder of an artefact."""
        return self.root / name

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One publisher at a time; whatever one that was killed left behind is removed."""
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self.root.glob(".fresh-*"):
                shutil.rmtree(left, ignore_errors=True)
            yield

    def _drop_old(self) -> None:
        for name in self.names()[: -self._keep]:
            if name != self.current():
                shutil.rmtree(self.path(name), ignore_errors=True)
