"""Records of one kind, column by column: how facts travel in bulk, into a store and out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

from graph.records import Record
from graph.schema import kind_of

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
