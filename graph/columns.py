"""Records of one kind, column by column: how facts travel in bulk, into a store and out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

from graph.errors import Invalid
from graph.records import Record
from graph.schema import Field, Kind, kind_of

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Columns(Generic[R]):
    """``values[field][i]`` is that field of the i-th record; every list has the same length. Fields left out take their default."""

    kind: type[R]
    values: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.values.values()), ()))

    def __getitem__(self, field: str) -> Sequence[Any]:
        return self.values[field]

    def records(self) -> Iterator[R]:
        """The same facts as objects."""
        names = tuple(self.values)
        for row in zip(*self.values.values(), strict=True):
            yield self.kind(**dict(zip(names, row, strict=True)))

    def whole(self) -> Columns[R]:
        """Every field of the kind, in its order; those that are left out take their default.

        Raises
        ------
        graph.errors.Invalid
            A required field is left out, or there is one that the kind does not have.
        """
        kind = kind_of(self.kind)
        unknown = self.values.keys() - set(kind.columns)
        if unknown:
            raise Invalid(f"{kind.table} have no field {min(unknown)!r}", field=min(unknown))
        return Columns(self.kind, {field.name: self._column(kind, field) for field in kind.fields})

    def _column(self, kind: Kind, field: Field) -> Sequence[Any]:
        if field.name in self.values:
            return self.values[field.name]
        if field.default is None and not field.optional:
            raise Invalid(f"{kind.table} need the field {field.name!r}", field=field.name)
        return [field.default] * len(self)

    @classmethod
    def of(cls, kind: type[R], records: Iterable[R]) -> Columns[R]:
        """Columns of a list of records."""
        rows = list(records)
        return cls(kind, {name: list(map(attrgetter(name), rows)) for name in kind_of(kind).columns})


def by_kind(facts: Iterable[Record]) -> list[Columns[Any]]:
    """Mixed records as one `Columns` per kind, in order of first appearance; the order within a kind is kept."""
    groups: dict[type[Record], list[Record]] = {}
    for record in facts:
        groups.setdefault(type(record), []).append(record)
    return [Columns.of(kind, rows) for kind, rows in groups.items()]
