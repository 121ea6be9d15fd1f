"""The rules applied: by record for HTTP, by column for files, each value through the same `loaders.shapes.Cell`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from graph.errors import Invalid
from graph.records import Consent, Event, Friendship, Record
from graph.schema import Field, kind_of
from loaders import rules
from loaders.rules import Context, Rule
from loaders.shapes import Cell, Shape
from loaders.source import Chunk, Rejected, quote

_REMEMBERED = 1_000_000
"""Characters of distinct text kept per column."""
_ONESELF = "is the customer: nobody is a friend of themselves"
_WHOLE_COLUMNS: Mapping[Rule, Callable[[Sequence[Any], Context], list[Any]]] = {
    rules.identifier: rules.identifiers,
    rules.moment: rules.moments,
}
"""Rules that are much faster on a whole column without faults."""
_TEXTS = {str, type(None)}


@dataclass(frozen=True, slots=True)
class Rows:
    """Validated rows: stored values by field, and the line each row came from."""

    lines: Sequence[int]
    values: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.lines)

    def without(self, gone: Container[int]) -> Rows:
        """The rows whose positions are not in ``gone``."""
        kept = [at for at in range(len(self.lines)) if at not in gone]
        values = {field: [column[at] for at in kept] for field, column in self.values.items()}
        return Rows([self.lines[at] for at in kept], values)


def read_record(shape: Shape, raw: Mapping[str, object], context: Context) -> dict[str, Any]:
    """Stored values of one record, by field.

    Raises
    ------
    graph.errors.Invalid
        The first column, in the order of the shape, that breaks its rule.
    """
    values: dict[str, Any] = dict(shape.constants)
    for name, cell in shape.cells.items():
        try:
            values[cell.field] = cell.read(raw.get(name), context)
        except Invalid as error:
            raise Invalid(f"{name} {error}", field=name) from None
    return complete(shape.kind, values)


def complete(kind: type[Record], values: dict[str, Any]) -> dict[str, Any]:
    """What concerns several fields of one record: the order of two friends, the id of an event without one."""
    if kind is Friendship:
        if values["customer"] == values["friend"]:
            raise Invalid(f"friend {_ONESELF}", field="friend")
        tie = Friendship.between(values["customer"], values["friend"])
        values.update(customer=tie.customer, friend=tie.friend)
    elif has_id(kind) and values.get("id") is None:
        values["id"] = content_ids(kind, {field: [value] for field, value in values.items()})[0]
    return values


def has_id(kind: type[Record]) -> bool:
    """Whether records of a kind are events, which get an id from their content if they bring none."""
    return issubclass(kind, Event | Consent)


class ColumnReader:
    """The rules of a shape applied to whole columns; each distinct text of a column is judged once."""

    def __init__(self, shape: Shape, context: Context) -> None:
        self._shape = shape
        self._memos = {name: _Memo(cell, context) for name, cell in shape.cells.items()}

    def read(self, chunk: Chunk) -> tuple[Rows, list[Rejected]]:
        """The good rows of a chunk, and a `Rejected` for each other row: its first fault, in the order of the shape."""
        faults: dict[int, Rejected] = {}
        values: dict[str, Sequence[Any]] = {}
        for name, memo in self._memos.items():
            raw = chunk.columns.get(name)
            if raw is None:
                continue
            stored = memo.read(raw)
            if memo.faulty:
                for at, value in enumerate(stored):
                    if value.__class__ is _Fault:
                        faults.setdefault(at, Rejected(chunk.lines[at], name, value.reason, quote(raw[at])))
            values[memo.field] = stored
        values |= {field: [constant] * len(chunk.lines) for field, constant in self._shape.constants.items()}
        rows = Rows(chunk.lines, values)
        return self._complete(rows.without(faults) if faults else rows, list(faults.values()))

    def _complete(self, rows: Rows, rejects: list[Rejected]) -> tuple[Rows, list[Rejected]]:
        kind = self._shape.kind
        if kind is Friendship:
            return _ordered_friends(rows, rejects)
        if has_id(kind) and rows:
            ids = rows.values.get("id")
            if ids is None or None in ids:
                made = content_ids(kind, rows.values)
                ids = made if ids is None else [own or new for own, new in zip(ids, made, strict=True)]
            return Rows(rows.lines, {**rows.values, "id": ids}), rejects
        return rows, rejects


def _ordered_friends(rows: Rows, rejects: list[Rejected]) -> tuple[Rows, list[Rejected]]:
    pairs = list(zip(rows.values["customer"], rows.values["friend"], strict=True))
    selves = {at for at, (one, other) in enumerate(pairs) if one == other}
    rejects += [Rejected(rows.lines[at], "friend", _ONESELF, quote(pairs[at][0])) for at in sorted(selves)]
    ends = {"customer": list(map(min, pairs)), "friend": list(map(max, pairs))}
    ordered = Rows(rows.lines, {**rows.values, **ends})
    return (ordered.without(selves) if selves else ordered), rejects


@dataclass(frozen=True, slots=True)
class _Fault:
    """Stands in a column for a value that broke its rule."""

    reason: str


class _Memo:
    """Stored value (or `_Fault`) of each text met so far; forgets everything now and then, to stay small."""

    def __init__(self, cell: Cell, context: Context) -> None:
        self.field = cell.field
        self.faulty = False
        self._rule, self._context = cell.read, context
        self._whole = _WHOLE_COLUMNS.get(cell.rule)
        self._stored: dict[object, Any] = {}
        self._characters = 0

    def read(self, column: Sequence[object]) -> list[Any]:
        """Stored values. Only text is remembered: 1, 1.0 and True are one key of a dictionary, but not one input."""
        if self._whole and set(map(type, column)) == {str}:
            with suppress(Invalid):
                return self._whole(column, self._context)
        with suppress(KeyError, TypeError):
            return list(map(self._stored.__getitem__, column))
        if not _TEXTS.issuperset(map(type, column)):
            return self._judge(column)
        fresh = set(column).difference(self._stored)
        self._characters += sum(map(len, map(str, fresh)))
        if self._characters > _REMEMBERED:
            fresh, self._characters = set(column), 0
            self._stored.clear()
        self._stored.update(zip(fresh, self._judge(fresh), strict=True))
        return list(map(self._stored.__getitem__, column))

    def _judge(self, values: Collection[object]) -> list[Any]:
        rule, context = self._rule, self._context
        try:
            return [rule(value, context) for value in values]
        except Invalid:
            self.faulty = True
            return [self._verdict(value) for value in values]

    def _verdict(self, value: object) -> Any:
        try:
            return self._rule(value, self._context)
        except Invalid as error:
            return _Fault(str(error))


def content_ids(kind: type[Record], values: Mapping[str, Sequence[Any]]) -> list[str]:
    """Ids of events that bring none: the time, then a digest of all else, so that a row is the same event in any format.

    A default value is left out: an event keeps its id when a later version knows more fields. The time comes first, so
    that rows in order of time are appended to a store's index of ids and not scattered over it.
    """
    described = kind_of(kind)
    columns = [
        part for field in described.fields if _counts(field, values) for part in _texts(field, values[field.name])
    ]
    salt = blake2b(described.table.encode(), digest_size=12)
    digests = [_digest(salt, text) for text in map("".join, zip(*columns, strict=True))]
    moments = values.get("at")
    if not moments:
        return list(map("h".__add__, digests))
    return [f"h{'' if at is None else at}{digest}" for at, digest in zip(moments, digests, strict=True)]


def _counts(field: Field, values: Mapping[str, Sequence[Any]]) -> bool:
    return field.name not in {"id", "at"} and bool(values.get(field.name))


def _texts(field: Field, column: Sequence[Any]) -> Iterator[Sequence[str]]:
    """Ids as they are, which cannot hold the separator; all else as ``name=`` and a Python literal, which escapes it."""
    if field.type is str and not field.optional and field.default is None:
        yield from (["\x1f"] * len(column), column)
    else:
        texts = {value: "" if value == field.default else f"\x1f{field.name}={value!r}" for value in set(column)}
        yield list(map(texts.__getitem__, column))


def _digest(salt: Any, text: str) -> str:
    digest = salt.copy()
    digest.update(text.encode())
    return str(digest.hexdigest())
