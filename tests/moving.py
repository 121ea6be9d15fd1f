"""A whole graph from one store to another, and the proof that it arrived."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

from graph.exchange import export
from graph.export_folder import ExportFolder, open_folder
from graph.records import Record
from graph.schema import kind_of
from graph.store import GraphStore
from loaders.report import LoadReport
from loaders.whole_graph import GraphOptions, load_graph
from tests.records import everything


def exact(store: GraphStore) -> set[tuple[Any, ...]]:
    """Every record with the types of its values: to Python alone, 1 and True are equal."""
    return {(type(record), *((type(value), value) for value in values_of(record))) for record in everything(store)}


def values_of(record: Record) -> tuple[Any, ...]:
    return attrgetter(*kind_of(type(record)).columns)(record)


def verified(folder: Path, *, digits: int = 2) -> ExportFolder:
    found = open_folder(folder, digits=digits)
    found.verify(lambda done: None)
    return found


def move(
    source: GraphStore, target: GraphStore, folder: Path, format: str, *, digits: int = 2, chunk_rows: int = 5
) -> list[LoadReport]:
    """Export everything, load it; small transactions, so that a few records need several."""
    export(source, folder, format, digits=digits)
    return load_graph(verified(folder, digits=digits), target, options=GraphOptions(chunk_rows=chunk_rows, pause=0.0))


def assert_moves(
    source: GraphStore, target: GraphStore, folder: Path, format: str, *, digits: int = 2, chunk_rows: int = 5
) -> None:
    """What an empty target holds afterwards is what the source holds, and a second load changes nothing."""
    held = exact(source)
    reports = move(source, target, folder, format, digits=digits, chunk_rows=chunk_rows)
    assert exact(target) == held == exact(source)
    assert {report.kind: report.changed for report in reports} == dict(source.check().counts)
    assert [report.rejects for report in reports if report.rejected] == []
    place = target.check().cursor
    options = GraphOptions(chunk_rows=chunk_rows, pause=0.0)
    again = load_graph(verified(folder, digits=digits), target, options=options)
    assert [(report.accepted, report.changed) for report in again] == [(report.accepted, 0) for report in reports]
    assert (exact(target), target.check().cursor) == (held, place)
