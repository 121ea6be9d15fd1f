"""The graph for other programs: CSV, JSON Lines and Parquet by kind, GraphML and GEXF as one graph, NetworkX in memory.

Times are ISO 8601, prices decimals in the shop's currency, so that ``kith load`` reads what was written. A folder of JSON
Lines or Parquet is exact and moves a whole graph to another store (`graph.export_folder`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph import tables
from graph.errors import Invalid
from graph.plain import MOMENTS
from graph.records import Customer, Product
from graph.schema import KINDS, Kind
from graph.store import GraphStore

if TYPE_CHECKING:  # imported where it is used: most commands do not need it, and it takes long to load
    import networkx as nx


def export(store: GraphStore, target: Path, format: str, *, digits: int = 2) -> dict[str, int]:
    """Write everything a store knows.

    Parameters
    ----------
    store
        Where the facts are.
    target
        A folder for ``csv``, ``jsonl`` and ``parquet`` (a file per kind, and ``export.json``), a file for ``graphml`` and ``gexf``.
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
    from graph.export_folder import write_folder

    return write_folder(store, target, format, digits=digits)


def to_networkx(store: GraphStore, *, digits: int = 2) -> nx.MultiDiGraph:
    """People and products as nodes ``customer:ID`` and ``product:ID``, everything between them as typed edges."""
    import networkx as nx

    graph = nx.MultiDiGraph()
    for kind in KINDS.values():
        for columns in store.read(kind.record):
            for row in tables.rows_of(columns, digits):
                _draw(graph, kind, row)
    return graph


def _draw(graph: nx.MultiDiGraph, kind: Kind, row: Mapping[str, Any]) -> None:
    # GEXF takes "id" for the node itself and "label" for what is drawn beside it; both formats give a property one type
    told = {name: str(value) if name in MOMENTS else value for name, value in row.items()}
    properties = {name: value for name, value in told.items() if name not in kind.ends and name != "id"}
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


def _write_graphml(graph: nx.MultiDiGraph, path: Path) -> None:
    import networkx as nx

    nx.write_graphml(graph, path)


def _write_gexf(graph: nx.MultiDiGraph, path: Path) -> None:
    import networkx as nx

    nx.write_gexf(graph, path)


GRAPH_WRITERS: Mapping[str, Callable[[nx.MultiDiGraph, Path], None]] = {
    "graphml": _write_graphml,
    "gexf": _write_gexf,
}
FORMATS = (*tables.FORMATS, *GRAPH_WRITERS)
