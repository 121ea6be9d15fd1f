"""Files that ``kith evaluate`` writes: lists and figures of single people."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.evaluation import Evaluation
from graph.errors import Unavailable
from recommend.evaluate import Report

MODEL = "model"
"""What the whole model is called beside its ablations."""


def write_recommendations(path: Path, ranked: Mapping[str, Sequence[str]]) -> None:
    """Write ``customer,rank,product``, best first.

    Raises
    ------
    graph.errors.Unavailable
        The file cannot be written.
    """

    def write() -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("customer", "rank", "product"))
            for customer, products in ranked.items():
                writer.writerows((customer, rank, product) for rank, product in enumerate(products, 1))

    written(path, write)


def write_people(path: Path, done: Sequence[Evaluation]) -> None:
    """Write Parquet: a row per person and model with ``evidence``, ``model``, ``customer``, ``slice``, ``history`` (how many
    products the person had) and each metric.

    Raises
    ------
    graph.errors.Unavailable
        The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [
        pa.table(_columns(evaluated.evidence, name, report))
        for evaluated in done
        for name, report in {MODEL: evaluated.report, **evaluated.ablations}.items()
    ]
    written(path, lambda: pq.write_table(pa.concat_tables(tables), path))


def _columns(evidence: str, model: str, report: Report) -> dict[str, Any]:
    people = report.everybody
    return {
        "evidence": [evidence] * len(people.customers),
        "model": [model] * len(people.customers),
        "customer": people.customers,
        "slice": report.slice_of,
        "history": people.history,
        **people.each,
    }


def written(path: Path, write: Callable[[], object]) -> None:
    """Write a file, making its folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror or error}") from error
