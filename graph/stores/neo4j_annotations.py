"""Properties of people and products that were worked out from facts, and are none: the graph browser shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any

from graph.errors import Invalid
from graph.records import Record
from graph.stores.neo4j_cypher import statement
from graph.stores.neo4j_forms import FORMS, Form, camel
from graph.stores.neo4j_writer import ROWS, Writer

BOOKKEEPING = frozenset({"seq", "stamp", "pair"})

_NAME = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TYPES = frozenset({str, int, float, bool, NoneType})
_INT = range(-(2**63), 2**63)

Rows = list[tuple[str, dict[str, Any]]]
"""Ids, and what is to be put on each."""


def rows_to_note(kind: type[Record], ids: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> Iterator[Rows]:
    """The same row by row, in parts that fit into a transaction; of an id that comes twice the last row.

    Raises
    ------
    graph.errors.Invalid
        The kind is no node with an id, a name is one of its fields or of the bookkeeping, a value is none that a node can hold.
    """
    form = _form_of(kind)
    for name, column in columns.items():
        _check_name(form, name)
        _check_column(name, column, len(ids))
    names = [camel(name) for name in columns]
    rows = {id: dict(zip(names, row, strict=True)) for id, *row in zip(ids, *columns.values(), strict=True)}
    pairs = list(rows.items())
    return (pairs[first : first + ROWS] for first in range(0, len(pairs), ROWS))


def put_on(writer: Writer, kind: type[Record], rows: Rows) -> int:
    """Put some rows on their nodes; returns how many of the ids no node has. Neither place nor stamp of a node changes."""
    ((found,),) = writer.run(statement("annotate/nodes", _form_of(kind)), rows=rows)
    writer.cleaned = True
    return len(rows) - int(found)


def _form_of(kind: type[Record]) -> Form:
    form, *_ = FORMS[kind]
    if form.shape != "node":
        raise Invalid(f"{form.kind.table} cannot be annotated: only customers and products can", field="record")
    return form


def _check_name(form: Form, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} cannot be the name of a property: write it in small letters, such as page_rank")
    if camel(name) in BOOKKEEPING | {camel(field) for field in form.kind.columns}:
        raise Invalid(f"{name} of {form.kind.table} is a fact, or kept by Kith: choose another name", field=name)


def _check_column(name: str, column: Sequence[Any], rows: int) -> None:
    if len(column) != rows:
        raise Invalid(f"{name} has {len(column)} values for {rows} ids: give one for each", field=name)
    wrong = set(map(type, column)) - _TYPES
    if wrong:
        raise Invalid(f"{name} cannot be a {min(map(str, wrong))}: give text, numbers or truth values", field=name)
    if any(type(value) is int and value not in _INT for value in column):
        raise Invalid(f"{name} does not fit into 64 bits: give it as a float", field=name)
