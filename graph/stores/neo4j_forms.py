"""How records lie in a graph database, derived from `graph.schema`: labels, types, properties, and what a value may be.

Every stored thing has its fields in camel case, and ``seq``, its place in the order of all writes. Pairs (friendships, blocks) have
``pair`` instead of an id. Entities, which people may edit by hand, have ``stamp`` as well: a checksum of the values that Kith wrote.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from types import NoneType
from typing import Any, Literal

from graph.columns import Columns, by_kind
from graph.errors import Invalid
from graph.records import Record
from graph.schema import KINDS, Field, Key, Kind, kind_of
from graph.store import Facts

LONGEST_KEY = 4_000
"""Bytes that fit into an index of the database."""

_INT = range(-(2**63), 2**63)
_WIDEST = 4
"""Bytes that one character takes at most."""


def camel(name: str) -> str:
    """``birth_year`` -> ``birthYear``: property names follow the naming conventions of Neo4j."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """One label or relationship type, and the records that it holds: a kind, or those of a kind with one value of a field.

    Attributes
    ----------
    kind
        The kind.
    name
        Label of a node, type of a relationship.
    shape
        ``node``; ``owned``, a node that hangs on a person; ``tie``, a relationship.
    only
        The one value of ``kind.varies`` that it holds; None if it holds all records of the kind.
    """

    kind: Kind
    name: str
    shape: Literal["node", "owned", "tie"]
    only: str | None = None

    @property
    def key(self) -> str:
        """The property that identifies a record."""
        return "id" if self.kind.key == ("id",) else "pair"

    @property
    def ends(self) -> tuple[str, ...]:
        """Fields that are the nodes at the ends, start first."""
        return tuple(self.kind.ends)

    @property
    def properties(self) -> tuple[Field, ...]:
        """Fields that are properties; the key is not among them."""
        elsewhere = {*self.kind.ends, *self.kind.shared, self.kind.varies, *self.kind.key}
        return tuple(field for field in self.kind.fields if field.name not in elsewhere)


def _forms(kind: Kind) -> tuple[Form, ...]:
    shape: Literal["node", "owned", "tie"] = "tie" if len(kind.ends) == 2 else "owned" if kind.owned else "node"
    if kind.varies:
        return tuple(Form(kind, name, shape, value) for value, name in kind.names.items())
    return (Form(kind, kind.graph, shape),)


FORMS: dict[type[Record], tuple[Form, ...]] = {record: _forms(kind) for record, kind in KINDS.items()}
ALL_FORMS: tuple[Form, ...] = tuple(form for forms in FORMS.values() for form in forms)


def key_value(kind: Kind, key: Key) -> str:
    """The value of `Form.key`: an id, or the text of a pair."""
    return key[0] if len(key) == 1 else _pair(*key)


def key_values(batch: Columns[Any]) -> Sequence[str]:
    """The same of many records."""
    kind = kind_of(batch.kind)
    if kind.key == ("id",):
        return batch["id"]
    return list(map(_pair, *(batch[name] for name in kind.key)))


def _pair(one: str, other: str) -> str:
    """The JSON of both, many times as fast as ``json.dumps``."""
    return f"[{encode_basestring(one)}, {encode_basestring(other)}]"


def stamp(values: Sequence[Any]) -> int:
    """Checksum of the values of all fields, in their order; equal as long as nobody changed one by hand."""
    return zlib.crc32(repr(tuple(values)).encode())


def stamps(batch: Columns[Any]) -> list[int]:
    """The same of many records, all fields of them."""
    return list(map(zlib.crc32, map(str.encode, map(repr, zip(*batch.values.values(), strict=True)))))


def from_rows(kind: Kind, rows: Iterable[Sequence[Any]]) -> Columns[Any]:
    """Columns of rows that have the values of all fields; at least one."""
    return Columns(kind.record, dict(zip(kind.columns, zip(*rows, strict=True), strict=True)))


def whole(facts: Facts) -> list[Columns[Any]]:
    """Facts as `checked` batches."""
    batches = [facts] if isinstance(facts, Columns) else by_kind(facts)
    return [checked(batch) for batch in batches if len(batch)]


def checked(batch: Columns[Any]) -> Columns[Any]:
    """All fields of a batch, if each value is one that its field may have: the database itself checks no types.

    Raises
    ------
    graph.errors.Invalid
        A value of another type, an integer beyond 64 bits, text that has no UTF-8 form, columns of unequal length, a key too long.
    """
    kind, whole = kind_of(batch.kind), batch.whole()
    if len({len(column) for column in whole.values.values()}) > 1:
        raise Invalid(f"{kind.table} cannot be stored: columns of unequal length")
    for field in kind.fields:
        _check(kind, field, whole[field.name])
    return whole


def _check(kind: Kind, field: Field, column: Sequence[Any]) -> None:
    types = set(map(type, column))
    wrong = types - allowed(field)
    if wrong:
        raise Invalid(
            f"{kind.table} cannot be stored: {field.name} cannot be a {min(map(str, wrong))}", field=field.name
        )
    odd = set(column) - {*field.choices, None} if field.choices else set()
    if odd:
        raise Invalid(
            f"{kind.table} cannot be stored: {field.name} is one of {', '.join(field.choices)}, not {min(odd)!r}",
            field=field.name,
        )
    known = [value for value in column if value is not None] if NoneType in types else column
    if str in types:
        _check_text(kind, field, known)
    elif int in types and not (min(known) in _INT and max(known) in _INT):
        raise Invalid(f"{kind.table} cannot be stored: {field.name} does not fit into 64 bits", field=field.name)


def _check_text(kind: Kind, field: Field, known: Sequence[str]) -> None:
    try:
        "".join(known).encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"{kind.table} cannot be stored: {field.name} is not text in UTF-8", field=field.name) from error
    if field.name not in {*kind.key, *kind.ends} or max(map(len, known)) <= LONGEST_KEY // _WIDEST:
        return
    if max(len(value.encode()) for value in known) > LONGEST_KEY:
        raise Invalid(
            f"{kind.table} cannot be stored: {field.name} is longer than {LONGEST_KEY} bytes", field=field.name
        )


def allowed(field: Field) -> set[type]:
    """The types that values of a field may have."""
    return {field.type, NoneType} if field.optional else {field.type}
