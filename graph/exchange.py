"""The graph for other programs: CSV, JSON Lines and Parquet by kind, GraphML and GEXF as one graph, NetworkX in memory.

Times are ISO 8601, prices decimals in the shop's currency, so that ``kith load`` reads what was written. CSV is made for
spreadsheets: text that one would run as a formula gets an apostrophe in front. JSON Lines and Parquet are exact.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.columns import Columns
from graph.errors import Invalid
from graph.moments import to_text
from graph.records import Customer, Product
from graph.schema import KINDS, Kind
from graph.store import GraphStore

if TYPE_CHECKING:  # imported where it is used: most commands need neither it nor pyarrow, and both take long to load
    import networkx as nx

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters that make a spreadsheet compute a cell (OWASP, CSV injection)."""

MOMENTS = frozenset({"at", "since"})


def defuse(cell: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would take it for a formula."""
    return "'" + cell if cell.startswith(FORMULA_STARTS) else cell


def export(store: GraphStore, target: Path, format: str, *, digits: int = 2) -> dict[str, int]:
    """Write everything a store knows.

    Parameters
    ----------
    store
        Where the facts are.
    target
        A folder for ``csv``, ``jsonl`` and ``parquet`` (one file per kind), a file for ``graphml`` and ``gexf``.
    format
        One of `FORMATS`.
    digits
        Digits of the currency after the point.

    Returns
    -------
    dict
        Records per kind.

    Raises
    ------
    graph.errors.Invalid
        The format is not known, or the target exists.
    """
    if format not in FORMATS:
        raise Invalid(f"no format {format!r}; known are {', '.join(FORMATS)}", field="format")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise Invalid(f"{target} exists; name one that does not", field="target")
    if format in GRAPH_WRITERS:
        graph = to_networkx(store, digits=digits)
        target.parent.mkdir(parents=True, exist_ok=True)
        GRAPH_WRITERS[format](graph, target)
        return {"nodes": graph.number_of_nodes(), "edges": graph.number_of_edges()}
    target.mkdir(parents=True, exist_ok=True)
    return {
        kind.table: TABLE_WRITERS[format](target / f"{kind.table}.{format}", kind, _batches(store, kind, digits))
        for kind in KINDS.values()
    }


def to_networkx(store: GraphStore, *, digits: int = 2) -> nx.MultiDiGraph:
    """People and products as nodes ``customer:ID`` and ``product:ID``, everything between them as typed edges."""
    import networkx as nx

    graph = nx.MultiDiGraph()
    for kind in KINDS.values():
        for columns in _batches(store, kind, digits):
            for row in _rows(columns):
                _draw(graph, kind, {name: value for name, value in row.items() if value is not None})
    return graph


def _draw(graph: nx.MultiDiGraph, kind: Kind, row: Mapping[str, Any]) -> None:
    # GEXF takes "id" for the node itself and "label" for what is drawn beside it
    properties = {name: value for name, value in row.items() if name not in kind.ends and name != "id"}
    if not kind.ends:
        label = row.get("name", row["id"])
        graph.add_node(_node(kind.record, row["id"]), kind=kind.graph, label=label, **properties)
    elif len(kind.ends) == 2:
        start, end = (_node(record, row[field]) for field, record in kind.ends.items())
        graph.add_edge(start, end, key=row.get("id"), kind=kind.graph, **properties)
    else:
        graph.nodes[_node(Customer, row["customer"])][f"{kind.table}.{row['purpose']}"] = row["granted"]


def _node(record: type, id: str) -> str:
    return f"{'product' if record is Product else 'customer'}:{id}"


def _batches(store: GraphStore, kind: Kind, digits: int) -> Iterator[Columns[Any]]:
    for batch in store.read(kind.record):
        yield Columns(batch.kind, {name: _readable(name, batch[name], digits) for name in kind.columns})


def _readable(name: str, values: Sequence[Any], digits: int) -> Sequence[Any]:
    if name in MOMENTS:
        return [None if value is None else to_text(value) for value in values]
    if name == "price":
        return [None if value is None else str(Decimal(value).scaleb(-digits)) for value in values]
    return values


def _rows(columns: Columns[Any]) -> Iterator[dict[str, Any]]:
    names = tuple(columns.values)
    for row in zip(*columns.values.values(), strict=True):
        yield dict(zip(names, row, strict=True))


def _write_csv(path: Path, kind: Kind, batches: Iterator[Columns[Any]]) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(kind.columns)
        for columns in batches:
            writer.writerows([_cell(value) for value in row] for row in zip(*columns.values.values(), strict=True))
            count += len(columns)
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return defuse(value) if isinstance(value, str) else str(value)


def _write_jsonl(path: Path, kind: Kind, batches: Iterator[Columns[Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for columns in batches:
            for row in _rows(columns):
                known = {name: value for name, value in row.items() if value is not None}
                file.write(json.dumps(known, ensure_ascii=False) + "\n")
            count += len(columns)
    return count


def _write_parquet(path: Path, kind: Kind, batches: Iterator[Columns[Any]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    texts = MOMENTS | {"price"}
    schema = pa.schema([(f.name, pa.string() if f.name in texts else types[f.type]) for f in kind.fields])
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        for columns in batches:
            writer.write_table(pa.table(dict(columns.values), schema=schema))
            count += len(columns)
    return count


def _write_graphml(graph: nx.MultiDiGraph, path: Path) -> None:
    import networkx as nx

    nx.write_graphml(graph, path)


def _write_gexf(graph: nx.MultiDiGraph, path: Path) -> None:
    import networkx as nx

    nx.write_gexf(graph, path)


TABLE_WRITERS: Mapping[str, Callable[[Path, Kind, Iterator[Columns[Any]]], int]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
GRAPH_WRITERS: Mapping[str, Callable[[nx.MultiDiGraph, Path], None]] = {
    "graphml": _write_graphml,
    "gexf": _write_gexf,
}
FORMATS = (*TABLE_WRITERS, *GRAPH_WRITERS)
