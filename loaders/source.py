"""What the formats have in common: a file becomes chunks of raw columns, and lines that could not be read at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

SHOWN = 40
"""How many characters of a bad value a message quotes."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not loaded.

    Attributes
    ----------
    line
        Counts lines of the file from 1, the header included (rows, in Parquet); the first line of a row of several.
    field
        Our name of the column; None where the line as a whole is at fault.
    reason
        Reads on from the name of the field, or from "the line".
    value
        What was found, by `quote`.
    """

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
    """An opened file, to be read once.

    Attributes
    ----------
    name, size
        Of the file on disk; bytes.
    heading
        Where the names of the columns stand, for messages.
    columns
        Names of the header; None if each row names its own.
    """

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def heading(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...] | None: ...

    def chunks(self, wanted: Mapping[str, str]) -> Iterator[Chunk]:
        """Check what can be checked at once; then the rows, a few thousand at a time.

        Parameters
        ----------
        wanted
            Our name -> column of the file.

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
