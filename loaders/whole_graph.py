"""A whole graph into a store, record for record, from a folder that `graph.export_folder` wrote.

Nothing is judged as the rows of a shop's files are: ids, hashes and times are taken as they left the other store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from graph.errors import Damaged
from graph.export_folder import MANIFEST, ExportFolder
from graph.schema import KINDS, Kind
from graph.store import GraphStore
from graph.tables import Batch, Fault
from loaders.report import LoadReport, RejectsFile
from loaders.source import Rejected, quote

Progress = Callable[[int, int], None]
"""Called with the records read so far, and how many there are in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphOptions:
    """How a whole graph is loaded.

    Attributes
    ----------
    rejects
        Where all rejected rows are written as CSV.
    chunk_rows
        Records per transaction.
    pause
        Seconds between two transactions, so that live traffic gets its turn.
    shown
        How many rejects the report of a kind holds.
    """

    rejects: Path | None = None
    chunk_rows: int = 5_000
    pause: float = 0.005
    shown: int = 20


def load_graph(
    source: ExportFolder, store: GraphStore, *, options: GraphOptions, on_progress: Progress | None = None
) -> list[LoadReport]:
    """Write every record of a verified folder; a report per kind, in the order in which they are written.

    A record that is there already stays or is replaced as `GraphStore.write` says: loading again changes nothing, and a
    load that broke off is simply run again.

    Raises
    ------
    graph.errors.Damaged
        A file cannot be read, or holds another number of rows than its manifest says.
    graph.errors.Refused
        A file has other columns than this version knows.
    graph.errors.Unavailable
        The store failed.
    """
    with ExitStack() as stack:
        rejects = stack.enter_context(RejectsFile(options.rejects)) if options.rejects else None
        load = _Load(source, store, options, rejects, on_progress)
        return [load.kind(KINDS[record]) for record in source.files]


class _Load:
    """One folder on its way into a store."""

    def __init__(
        self,
        source: ExportFolder,
        store: GraphStore,
        options: GraphOptions,
        rejects: RejectsFile | None,
        on_progress: Progress | None,
    ) -> None:
        self._source, self._store, self._options = source, store, options
        self._rejects, self._on_progress = rejects, on_progress
        self._done = 0

    def kind(self, kind: Kind) -> LoadReport:
        """Load the file of a kind."""
        path, began = self._source.file_of(kind), time.perf_counter()
        report = LoadReport(str(path), kind.table)
        for batch in self._source.read(kind, self._options.chunk_rows):
            self._take(batch, report)
            self._show(report.read)
        listed = self._source.files[kind.record].records
        if report.read != listed:
            raise Damaged(f"{path} has {report.read:,} rows where {MANIFEST} says {listed:,}: export again")
        self._done += report.read
        self._show(0)
        report.seconds = time.perf_counter() - began
        return report

    def _take(self, batch: Batch, report: LoadReport) -> None:
        rows = len(batch.columns)
        if rows:
            changed = self._store.write(batch.columns).changed
            report.read += rows
            report.accepted += rows
            report.changed += changed
            report.unchanged += max(0, rows - changed)
            if self._options.pause:
                time.sleep(self._options.pause)
        if batch.faults:
            self._reject(_rejected(batch.faults), report)

    def _reject(self, rejects: list[Rejected], report: LoadReport) -> None:
        report.note_rejected(rejects, self._options.shown)
        if self._rejects:
            self._rejects.write(report.file, rejects)

    def _show(self, read: int) -> None:
        if self._on_progress:
            self._on_progress(self._done + read, self._source.records)


def _rejected(faults: Sequence[Fault]) -> list[Rejected]:
    return [Rejected(fault.line, fault.field, fault.reason, quote(fault.value)) for fault in faults]
