"""What every store promises. `graph.stores.memory` is the readable specification; one conformance suite runs against all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NewType, Protocol, TypeVar, runtime_checkable

from graph.columns import Columns
from graph.records import CustomerId, Friendship, Record
from graph.schema import Key

R = TypeVar("R", bound=Record)

Cursor = NewType("Cursor", int)
"""A place in the order of writes. ``START`` lies before the first one."""
START = Cursor(0)

Facts = Iterable[Record] | Columns[Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: the place after it, and how many records were new or different from what was stored."""

    cursor: Cursor
    changed: int


@dataclass(frozen=True, slots=True)
class Removed:
    """A tombstone in the change tail."""

    kind: type[Record]
    key: Key


@dataclass(frozen=True, slots=True)
class Lost:
    """In the change tail: records of a kind have vanished without a tombstone, deleted outside Kith. Read the kind again."""

    kind: type[Record]


Change = Record | Removed | Lost


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened after a cursor, oldest first. ``more`` is true if the limit cut it short: ask again from ``cursor``."""

    cursor: Cursor
    items: tuple[Change, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Subgraph:
    """People around a centre, the centre first, and the friendships among them. ``truncated``: the limit left people out."""

    customers: tuple[CustomerId, ...]
    friendships: tuple[Friendship, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Erasure:
    """What ``forget`` removed: records per table."""

    customer: CustomerId
    removed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Health:
    """A store that answered. ``counts``: records per table."""

    store: str
    version: str
    cursor: Cursor
    counts: Mapping[str, int] = field(default_factory=dict)


class Transaction(Protocol):
    """The view inside `GraphStore.exclusive`: reads see the transaction's own writes, all become durable together."""

    def get(self, kind: type[R], key: Key) -> R | None: ...
    def write(self, facts: Facts) -> Written: ...


class GraphStore(Protocol):
    """Where facts are kept. Every method is safe to call from several threads."""

    name: str

    def write(self, facts: Facts) -> Written:
        """Store facts, all or none; durable when it returns.

        Idempotent by key: an event that is known stays as it was first written, an entity takes the new values; what is equal changes
        nothing. End points that do not exist are created bare (`graph.schema.bare`).

        Raises
        ------
        graph.errors.Unavailable
            The store cannot be reached, or its disk is full. Nothing was stored.
        """
        ...

    def remove(self, kind: type[Record], key: Key) -> Written:
        """Remove one record of a kind without dependants (Friendship, Block, an event); a removed Product keeps its events and becomes
        bare. ``changed`` is 0 if it was not there. Customers leave through `forget`.
        """
        ...

    def read(
        self, kind: type[R], *, columns: tuple[str, ...] | None = None, until: Cursor | None = None
    ) -> Iterator[Columns[R]]:
        """All records of a kind, in batches, as of one moment, in an order that stays the same while nothing is written.

        With ``until``, only those last written at or before that cursor: together with ``changes(until)`` nothing is seen twice.
        """
        ...

    def get(self, kind: type[R], key: Key) -> R | None:
        """One record, or None."""
        ...

    def known(self, kind: type[Record], keys: Sequence[Key]) -> set[Key]:
        """Those of the keys that have a record; one question, however many they are."""
        ...

    def changes(self, since: Cursor, limit: int = 10_000) -> Changes:
        """Everything written or removed after ``since``, by whichever process, oldest first; a record written twice comes once, in its
        newest form.
        """
        ...

    def around(self, centre: CustomerId, *, hops: int, limit: int) -> Subgraph:
        """People at most ``hops`` friendships away, nearest first, then by id; at most ``limit`` of them."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[Transaction]:
        """A transaction that is serial across processes under this name. Leaving it by an exception undoes it."""
        ...

    def forget(self, customer: CustomerId) -> Erasure:
        """Remove a customer and every record that names them. The tail tells the others by one tombstone."""
        ...

    def check(self) -> Health:
        """Raises `graph.errors.Unavailable` if the store does not answer."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class SupportsBackup(Protocol):
    """A store that can copy itself to a file while it is in use."""

    def backup(self, target: Path) -> None:
        """Write a whole, consistent copy."""
        ...


@dataclass(frozen=True, slots=True)
class Edits:
    """What people made or changed in a store outside Kith: how many facts were taken in, and why others could not be."""

    taken: int
    refused: tuple[str, ...]


@runtime_checkable
class SupportsEditing(Protocol):
    """A store that people may edit by other means than Kith."""

    def take_in_edits(self) -> Edits:
        """Bring facts that were made or changed by hand into the change tail. Cheap where nobody has edited anything."""
        ...

    def take_in_losses(self) -> tuple[type[Record], ...]:
        """The kinds of which facts were deleted by hand; the change tail tells the followers (`Lost`)."""
        ...
