"""A whole graph as a folder: a file per kind, and ``export.json``, which says what they hold and is written last."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.artefact import checksum, write_whole
from graph.errors import Damaged, Refused
from graph.records import Record
from graph.schema import KINDS, Kind
from graph.store import GraphStore
from graph.tables import EXACT, FORMATS, Batch, read_table, write_table

MANIFEST = "export.json"
VERSION = 1
AGAIN = f"export again with {' or '.join(f'--format {format}' for format in EXACT)}"
THEIRS = "load it with the version that wrote it"


@dataclass(frozen=True, slots=True)
class File:
    """What the manifest says of the file of one kind."""

    records: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ExportFolder:
    """A folder that `write_folder` wrote in one of `graph.tables.EXACT`.

    Attributes
    ----------
    path
        Where it is.
    format
        Of the files.
    digits
        Digits of the currency after the point.
    files
        By kind, in the order of `KINDS`: entities come first, so that what an event names is there before it.
    """

    path: Path
    format: str
    digits: int
    files: Mapping[type[Record], File]

    @property
    def records(self) -> int:
        """Of all kinds."""
        return sum(file.records for file in self.files.values())

    def file_of(self, kind: Kind) -> Path:
        """Where the records of a kind are."""
        return _path(self.path, kind, self.format)

    def verify(self, on_part: Callable[[float], None]) -> None:
        """Read every file once, before anything is done with it; ``on_part`` is told the fraction that is done.

        Raises
        ------
        graph.errors.Damaged
            A file is missing, cut short or changed.
        """
        on_part(0.0)
        for done, (record, file) in enumerate(self.files.items(), 1):
            path = self.file_of(KINDS[record])
            if checksum(path) != file.sha256:
                raise Damaged(f"{path} has changed since it was exported: copy it again, or {AGAIN}")
            on_part(done / len(self.files))

    def read(self, kind: Kind, rows: int) -> Iterator[Batch]:
        """The records of a kind, at most ``rows`` at a time; see `graph.tables.read_table`."""
        return read_table(self.file_of(kind), kind, self.format, digits=self.digits, rows=rows)


def write_folder(store: GraphStore, folder: Path, format: str, *, digits: int) -> dict[str, int]:
    """Write everything that a store knows into a folder that is new or empty; returns the number of records per kind."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {kind.table: _write(store, kind, folder, format, digits) for kind in KINDS.values()}
    said = {"kith_export": VERSION, "format": format, "currency_digits": digits, "kinds": kinds}
    write_whole(folder / MANIFEST, (json.dumps(said, indent=1) + "\n").encode())
    return {table: int(file["records"]) for table, file in kinds.items()}


def _write(store: GraphStore, kind: Kind, folder: Path, format: str, digits: int) -> dict[str, Any]:
    path = _path(folder, kind, format)
    count = write_table(path, kind, format, store.read(kind.record), digits=digits)
    return {"records": count, "sha256": checksum(path)}


def open_folder(path: Path, *, digits: int) -> ExportFolder:
    """Open what `write_folder` wrote, to be read into a store of a shop whose currency has so many digits.

    Raises
    ------
    graph.errors.Refused
        There is no such folder, or it is nothing that this shop can take as it is.
    graph.errors.Damaged
        Its manifest is not whole, or a file is missing.
    """
    said = _manifest(path)
    try:
        format, theirs, kinds = (said[name] for name in ("format", "currency_digits", "kinds"))
        files = {str(table): File(int(kind["records"]), str(kind["sha256"])) for table, kind in kinds.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(f"{path / MANIFEST} is not whole ({error!r}): copy it again, or {AGAIN}") from error
    if unknown := sorted(files.keys() - {kind.table for kind in KINDS.values()}):
        raise Refused(f"{path} holds {', '.join(unknown)}, which this version of Kith does not know: {THEIRS}")
    _check_format(path, format)
    if theirs != digits:
        prices = f"prices with {theirs} digits after the point, and the currency of this shop has {digits}"
        raise Refused(f"{path} has {prices}: set currency to that of the shop that was exported")
    known = {record: files[kind.table] for record, kind in KINDS.items() if kind.table in files}
    found = ExportFolder(path, format, digits, known)
    _check_files(found)
    return found


def _manifest(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        found = f"{path} is a file" if path.exists() else f"there is no folder {path}"
        raise Refused(f"{found}: name a folder that kith export wrote with {' or '.join(EXACT)} as its format")
    try:
        said = json.loads((path / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise Refused(
            f"{path} has no {MANIFEST}, so kith export did not write it, or was interrupted: {AGAIN}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path / MANIFEST} is not whole ({error}): copy it again, or {AGAIN}") from error
    if not isinstance(said, dict) or "kith_export" not in said:
        raise Refused(f"{path / MANIFEST} was not written by kith export: {AGAIN}")
    if said["kith_export"] != VERSION:
        raise Refused(f"{path} is an export of version {said['kith_export']}, and {VERSION} is read here: {THEIRS}")
    return said


def _check_format(path: Path, format: object) -> None:
    if format == "csv":
        raise Refused(f"{path} holds CSV, which is made for spreadsheets and is not exact: {AGAIN}")
    if format not in EXACT:
        raise Refused(f"{path} holds files of the format {format!r}, which is not known: {AGAIN}")


def _check_files(found: ExportFolder) -> None:
    listed = {found.file_of(KINDS[record]).name for record in found.files}
    present = {path.name for path in found.path.iterdir()}
    if lacking := sorted(listed - present):
        raise Damaged(f"{found.path / lacking[0]} is missing, though {MANIFEST} lists it: copy it again, or {AGAIN}")
    suffixes = tuple(f".{format}" for format in FORMATS)
    if strange := sorted(name for name in present - listed if name.endswith(suffixes)):
        raise Refused(f"{found.path / strange[0]} is not listed in {MANIFEST}: move it away, nothing would read it")


def _path(folder: Path, kind: Kind, format: str) -> Path:
    return folder / f"{kind.table}.{format}"
