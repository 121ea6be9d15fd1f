"""What a load did: counts, the first rejects, and all of them in a file on request."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from graph.errors import Invalid, Unavailable
from graph.tables import defuse
from loaders.packed import quote_path
from loaders.source import Rejected, quote

MAX_UNKNOWN = 50


@dataclass(slots=True)
class LoadReport:
    """One file.

    Attributes
    ----------
    read
        Rows met: accepted and rejected ones.
    changed, unchanged, repeated
        Of the accepted: new or different in the store; already there; exact repeats of a row of the same file (which
        are one fact in the graph; repeats more than 250,000 rows apart may count as unchanged).
    created
        Bare records made for ids that nothing else knew, by table.
    rejects
        The first rejected rows; ``rejected`` counts all.
    unknown_columns
        Columns of the file that nothing reads.
    """

    file: str
    kind: str
    read: int = 0
    accepted: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0
    rejected: int = 0
    created: dict[str, int] = field(default_factory=dict)
    rejects: list[Rejected] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        return self.read / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        speed = {"seconds": round(self.seconds, 3), "rows_per_second": round(self.rows_per_second)}
        return {**dataclasses.asdict(self), **speed}

    def note_unknown(self, names: Sequence[str]) -> None:
        """Remember columns that nothing reads, each once."""
        new = [name for name in map(quote, names) if name not in self.unknown_columns]
        self.unknown_columns.extend(new[: MAX_UNKNOWN - len(self.unknown_columns)])

    def note_rejected(self, rejects: Sequence[Rejected], shown: int) -> None:
        """Count rejected rows and remember the first ones, ``shown`` in all."""
        self.read += len(rejects)
        self.rejected += len(rejects)
        self.rejects += rejects[: max(0, shown - len(self.rejects))]


class RejectsFile:
    """All rejected rows as CSV, ``file,line,field,reason,value``. It gets its name when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, path.with_name(path.name + ".part")
        try:
            self._stream: IO[str] = self._part.open("w", encoding="utf-8", newline="")
        except (OSError, ValueError) as error:
            raise Invalid(f"the rejects cannot be written to {quote_path(path)}: {error}", field="rejects") from None
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(("file", "line", "field", "reason", "value"))

    def write(self, file: str, rejects: Sequence[Rejected]) -> None:
        """Add rows."""
        rows = ((file, str(row.line), row.field or "", row.reason, row.value) for row in rejects)
        try:
            self._writer.writerows([defuse(cell) for cell in row] for row in rows)
        except OSError as error:
            raise self._full(error) from None

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stream.close()
            self._part.replace(self._path)
        except OSError as failure:
            if error is None:
                raise self._full(failure) from None

    def _full(self, error: OSError) -> Unavailable:
        return Unavailable(f"the rejects cannot be written to {quote_path(self._path)}: {error}")
