"""What the formats have in common: a file becomes chunks of raw columns, and lines that could not be read at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

SHOWN = 40
"""How many characters of a bad value a message quotes."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not loaded. ``line`` counts lines of the file from 1 (rows, in Parquet); ``field`` is None where the line as a whole
    is at fault; ``value`` is quoted by `quote`."""

    line: int
    field: str | None
    reason: str
    value: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows as read.

    Attributes
    ----------
    lines
        Line of each row; the first one, where a row spans several.
    columns
        Our name -> raw values: text from CSV, JSON values from JSON Lines; None where the row has none.
    rejects
        Lines that are no row.
    position
        Bytes of the file read so far.
    unknown
        Names that rows have beyond those asked for, where each row brings its own.
    """

    lines: Sequence[int]
    columns: Mapping[str, Sequence[Any]]
    rejects: Sequence[Rejected]
    position: int
    unknown: frozenset[str] = field(default=frozenset())


class Source(Protocol):
    """An opened file that has passed the checks of a whole file; read once."""

    name: str
    size: int

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the header; None if each row names its own."""
        ...

    def chunks(self, wanted: Mapping[str, str]) -> Iterator[Chunk]:
        """The rows, a few thousand at a time. ``wanted``: our name -> column of the file.

        Raises
        ------
        graph.errors.Refused
            The file turns out to be unreadable.
        """
        ...

    def close(self) -> None: ...


def quote(value: object) -> str:
    """At most 40 characters of a value, safe to print: whatever is not printable is escaped."""
    if isinstance(value, list | dict):
        return f"({'list' if isinstance(value, list) else 'object'})"
    text = value if isinstance(value, str) else "" if value is None else str(value)
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:SHOWN])
    return shown[:SHOWN] + "…" if len(text) > SHOWN or len(shown) > SHOWN else shown


def listed(names: Sequence[str], limit: int = 20) -> str:
    """Names for a message, cut to a line or two."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return (", ".join(map(quote, names[:limit])) or "nothing") + more
