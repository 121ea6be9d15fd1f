"""Facts as the files that Neo4j's own importer reads: what would lie in an empty database after they were all written to it."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import csv

from graph.columns import Columns, by_kind
from graph.errors import Unavailable
from graph.records import Customer, Product, Record
from graph.schema import KINDS, Kind, bare, kind_of
from graph.store import Cursor, Facts, Written
from graph.stores.neo4j_forms import ALL_FORMS, FORMS, Form, camel, checked, from_rows, key_values, stamps
from graph.stores.neo4j_place import Place

R = TypeVar("R", bound=Record)

SETTINGS = (
    "--id-type=actual",  # we number the nodes: nothing has to be looked up
    "--multiline-fields=true",
    "--path-pattern-style=none",
    "--bad-tolerance=0",
)
"""How the importer has to read the files."""

ROWS = 50_000
_NUMBER, _START, _END = ":ID", ":START_ID", ":END_ID"
_TYPES = {str: "string", int: "long", float: "double", bool: "boolean"}
_ARROW = {"string": pa.string(), "boolean": pa.bool_()}


class ImportFiles:
    """Takes facts as a `graph.store.GraphStore` does; knows only ids of what it took. One thread.

    Events go to their files at once. Entities, which later rows may change, are kept in memory until `finish`.

    Parameters
    ----------
    folder
        An empty folder for the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._nodes: dict[str, _Table] = {}
        self._ties: dict[str, _Table] = {}
        self._place = Place()
        self._last_node = -1
        self._numbers: dict[type[Record], dict[str, int]] = {Customer: {}, Product: {}}
        self._lasting: dict[type[Record], dict[str, tuple[int, tuple[Any, ...]]]] = {
            kind.record: {} for kind in KINDS.values() if kind.lasting
        }
        self._events: dict[type[Record], set[str]] = {kind.record: set() for kind in KINDS.values() if not kind.lasting}

    # ---- what a load asks of a store

    def write(self, facts: Facts) -> Written:
        """See `graph.store.GraphStore.write`."""
        batches = [facts] if isinstance(facts, Columns) else by_kind(facts)
        changed = sum(self._write(checked(batch)) for batch in batches if len(batch))
        return Written(Cursor(self._place.last), changed)

    def read(self, kind: type[R], *, columns: tuple[str, ...]) -> Iterator[Columns[R]]:
        """The ids of all customers or products."""
        assert columns == ("id",), "only ids are known"
        yield Columns(kind, {"id": list(self._numbers[kind])})

    def close(self) -> None:
        """Give back the files."""
        for table in (*self._nodes.values(), *self._ties.values()):
            table.close()

    # ---- what the importer gets

    def finish(self) -> None:
        """Write what was kept in memory, and close the files."""
        for form in ALL_FORMS:
            if form.kind.lasting:
                self._write_lasting(form)
        self._write_place()
        self.close()

    @property
    def counts(self) -> dict[str, int]:
        """Records per table."""
        total = dict.fromkeys((kind.table for kind in KINDS.values()), 0)
        for form in ALL_FORMS:
            total[form.kind.table] += self._place.tallies[form.name].count
        return total

    @property
    def size(self) -> int:
        """Bytes in the files."""
        return sum(table.file.stat().st_size for table in (*self._nodes.values(), *self._ties.values()))

    @property
    def arguments(self) -> list[str]:
        """The importer's: how to read the files, and what each holds."""
        nodes = [f"--nodes={label}={table.file}" for label, table in self._nodes.items()]
        ties = [f"--relationships={name}={table.file}" for name, table in self._ties.items()]
        return [*SETTINGS, f"--report-file={self._folder / 'import.report'}", *nodes, *ties]

    # ---- taking facts

    def _write(self, batch: Columns[Any]) -> int:
        kind = kind_of(batch.kind)
        for field, end in kind.ends.items():
            self._ensure(end, set(batch[field]))
        return self._merge(kind, batch) if kind.lasting else self._add(kind, batch)

    def _ensure(self, end: type[Record], ids: set[str]) -> None:
        new = sorted(ids.difference(self._numbers[end]))
        if new:
            one = Columns.of(end, [bare(end, "")])
            values = {name: new if name == "id" else [*value] * len(new) for name, value in one.values.items()}
            self._merge(kind_of(end), Columns(end, values))

    def _merge(self, kind: Kind, batch: Columns[Any]) -> int:
        """Entities: the newest values win; what is equal stays."""
        stored = self._lasting[kind.record]
        latest: dict[str, tuple[Any, ...]] = {}
        changed = 0
        for key, values in zip(key_values(batch), zip(*batch.values.values(), strict=True), strict=True):
            if (latest.get(key) or stored.get(key, (0, None))[1]) != values:
                changed += 1
                latest.pop(key, None)
                latest[key] = values
        places = self._place.next(len(latest))
        self._place.moved(FORMS[kind.record][0], places, (stored[key][0] for key in latest if key in stored))
        if kind.record in self._numbers:
            known = self._numbers[kind.record]
            new = [key for key in latest if key not in known]
            known.update(zip(new, self._next_nodes(len(new)), strict=True))
        stored.update(zip(latest, zip(places, latest.values(), strict=True), strict=True))
        return changed

    def _add(self, kind: Kind, batch: Columns[Any]) -> int:
        """Events: the first write of an id stands."""
        ids, known = batch["id"], self._events[kind.record]
        if len(set(ids)) < len(ids) or not known.isdisjoint(ids):
            first = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
            batch = _taken(batch, sorted(at for id, at in first.items() if id not in known))
        known.update(batch["id"])
        places = self._place.next(len(batch))
        for form in FORMS[kind.record]:
            mine, theirs = batch, list(places)
            if form.only is not None:
                chosen = [i for i, value in enumerate(batch[kind.varies]) if value == form.only]
                mine, theirs = _taken(batch, chosen), [places[i] for i in chosen]
            self._write_things(form, theirs, mine)
        return len(batch)

    def _next_nodes(self, count: int) -> range:
        self._last_node += count
        return range(self._last_node - count + 1, self._last_node + 1)

    # ---- writing files

    def _write_things(self, form: Form, places: Sequence[int], batch: Columns[Any]) -> None:
        """Records of a form, as nodes or as relationships."""
        if not len(batch):
            return
        ends = [list(map(self._numbers[end].__getitem__, batch[name])) for name, end in form.kind.ends.items()]
        columns: dict[str, Sequence[Any]] = {f"{form.key}:string": key_values(batch), "seq:long": places}
        columns |= {f"{camel(field.name)}:{_TYPES[field.type]}": batch[field.name] for field in form.properties}
        if form.kind.lasting:
            columns["stamp:long"] = stamps(batch)
        else:
            self._place.came(form, places)
        if form.shape == "tie":
            self._tie(form.name, {_START: ends[0], _END: ends[1], **columns})
            return
        if form.shape == "owned":
            numbers: Sequence[int] = self._next_nodes(len(batch))
            self._tie(form.kind.owned, {_START: ends[0], _END: numbers})
        else:
            numbers = list(map(self._numbers[form.kind.record].__getitem__, batch["id"]))
        self._node(form.name, {_NUMBER: numbers, **columns})

    def _write_lasting(self, form: Form) -> None:
        rows = iter(self._lasting[form.kind.record].values())
        values: dict[str, dict[str, int]] = {field: {} for field in form.kind.shared}
        while part := list(islice(rows, ROWS)):
            batch = from_rows(form.kind, [row for _, row in part])
            self._write_things(form, [place for place, _ in part], batch)
            for field in form.kind.shared:
                self._link(form, field, batch, values[field])

    def _link(self, form: Form, field: str, batch: Columns[Any], known: dict[str, int]) -> None:
        """From each record to the node that its value of a field is; ``known`` values have theirs already."""
        link, label = form.kind.shared[field]
        new = list(dict.fromkeys(value for value in batch[field] if value is not None and value not in known))
        known.update(zip(new, self._next_nodes(len(new)), strict=True))
        if new:
            self._node(label, {_NUMBER: [known[value] for value in new], "name:string": new})
        pairs = [(id, known[value]) for id, value in zip(batch["id"], batch[field], strict=True) if value is not None]
        if pairs:
            starts = [self._numbers[form.kind.record][id] for id, _ in pairs]
            self._tie(link, {_START: starts, _END: [end for _, end in pairs]})

    def _write_place(self) -> None:
        self._place.begin()
        self._place.sign(secrets.token_hex(8))
        columns: dict[str, Sequence[Any]] = {_NUMBER: self._next_nodes(1), "name:string": ["graph"]}
        for name, value in self._place.state().items():
            if isinstance(value, list):
                columns[f"{name}:{_TYPES[type(value[0])]}[]"] = [";".join(map(str, value))]
            else:
                columns[f"{name}:{_TYPES[type(value)]}"] = [value]
        self._node("KithPlace", columns)

    def _node(self, label: str, columns: Mapping[str, Sequence[Any]]) -> None:
        self._nodes.setdefault(label, _Table(self._folder / f"{label}.csv")).add(columns)

    def _tie(self, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        self._ties.setdefault(name, _Table(self._folder / f"{name}.csv")).add(columns)


class _Table:
    """One CSV file; its columns are those of the first rows."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._writer: csv.CSVWriter | None = None

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        arrays = [_array(name.rpartition(":")[2], column) for name, column in columns.items()]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
        with _told(self.file):
            if self._writer is None:
                self._writer = csv.CSVWriter(self.file, batch.schema)
            self._writer.write_batch(batch)

    def close(self) -> None:
        with _told(self.file):
            if self._writer is not None:
                self._writer.close()
                self._writer = None


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise Unavailable(
            f"{file} for the importer of Neo4j cannot be written: {why}; make room and load again"
        ) from None


def _array(type: str, column: Sequence[Any]) -> pa.Array:
    """A column as its header says. Numbers with a point go as text: Java spells the infinite in a way of its own."""
    if type == "double":
        return pa.array(list(map(_java, column)) if column.count(None) < len(column) else column, pa.string())
    if type.endswith("[]"):
        return pa.array(column, pa.string())
    return pa.array(column, _ARROW.get(type, pa.int64()))


def _java(value: float | None) -> str | None:
    if value is None:
        return None
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _taken(batch: Columns[Any], places: Iterable[int]) -> Columns[Any]:
    at = list(places)
    return Columns(batch.kind, {name: [column[i] for i in at] for name, column in batch.values.items()})
