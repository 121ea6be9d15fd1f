"""Parquet: typed columns become the same raw values that text files hold, so that the same rules judge them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from graph.errors import Refused
from graph.moments import to_text
from loaders.packed import FREE_SIZE, MAX_RATIO, PackedFile
from loaders.source import Chunk, listed, quote

ROWS = 5_000
MAX_GROUP = 256 * 1024 * 1024
"""Bytes of a row group, unpacked."""
FREE_ROWS = 1_000_000
MAX_ROWS_PER_BYTE = 10
"""A file of more than `FREE_ROWS` rows has at most so many for each of its bytes: equal rows take next to no room."""


class ParquetSource:
    """A `loaders.source.Source` of a Parquet file; rows count from 1, missing values are empty cells."""

    def __init__(self, file: PackedFile) -> None:
        self.name = self.heading = file.name
        self.size = file.size
        self._file = file
        self._bytes: IO[bytes] = _unpacked(file) if file.packed else file.stream
        try:
            self._parquet = pq.ParquetFile(self._bytes, page_checksum_verification=True)
            names = self._parquet.schema_arrow.names
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(self.name, error) from None
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Refused(f"{self.name} has {listed(twice)} twice; which one counts is not clear")
        self.columns = tuple(names)

    def close(self) -> None:
        self._file.close()
        self._bytes.close()

    def chunks(self, wanted: Mapping[str, str]) -> Iterator[Chunk]:
        self._check(wanted)
        return self._read(wanted)

    def _read(self, wanted: Mapping[str, str]) -> Iterator[Chunk]:
        rows, total = 0, max(1, self._parquet.metadata.num_rows)
        for batch in self._batches(wanted):
            columns = {name: _raw_values(batch.column(column)) for name, column in wanted.items()}
            lines = range(rows + 1, rows + 1 + batch.num_rows)
            rows += batch.num_rows
            yield Chunk(lines, columns, (), self.size * rows // total)

    def _check(self, wanted: Mapping[str, str]) -> None:
        """Types, sizes, then every page once, so that a damaged file is refused before its first row is loaded."""
        schema, metadata = self._parquet.schema_arrow, self._parquet.metadata
        for column in wanted.values():
            if not _readable(schema.field(column).type):
                held = f"column {quote(column)} holds {quote(str(schema.field(column).type))}"
                raise Refused(f"{self.name}: {held}; one text, number or time per row is read")
        # Sizes of single columns are not asked for: pyarrow ends the whole process over a damaged description of one.
        sizes = [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]
        if max(sizes, default=0) > MAX_GROUP:
            raise Refused(f"{self.name} has a row group above {MAX_GROUP // 2**20} MiB; write smaller row groups")
        if sum(sizes) > max(FREE_SIZE, MAX_RATIO * self.size):
            raise Refused(f"{self.name} unpacks to more than {MAX_RATIO} times its size: nothing was loaded")
        if metadata.num_rows > max(FREE_ROWS, MAX_ROWS_PER_BYTE * self.size):
            raise Refused(f"{self.name} has more rows than a file of its size can hold: nothing was loaded")
        for _ in self._batches(wanted):
            pass

    def _batches(self, wanted: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._parquet.iter_batches(ROWS, columns=list(wanted.values()), use_threads=False):
                batch.validate(full=True)
                yield batch
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(self.name, error) from None


def _unpacked(file: PackedFile) -> IO[bytes]:
    """Parquet is read from its end: a packed one goes to a temporary file first."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the source
    shutil.copyfileobj(file.stream, copy)
    copy.seek(0)
    return copy


def _damaged(name: str, error: Exception) -> Refused:
    return Refused(f"{name} is damaged, or no Parquet file ({quote(str(error))}): nothing was loaded; fetch it again")


_READABLE = (
    *(types.is_string, types.is_large_string, types.is_integer, types.is_floating, types.is_boolean),
    *(types.is_decimal, types.is_timestamp, types.is_date, types.is_null),
)


def _readable(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind):
        kind = kind.value_type
    return any(check(kind) for check in _READABLE)


def _raw_values(column: pa.Array) -> list[Any]:
    """Text, floats, booleans; integers, decimals and times as text like that of a CSV file; missing ones as ``""``."""
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_timestamp(kind):
        moments = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_pylist()
        return ["" if moment is None else _time_text(moment) for moment in moments]
    if types.is_float64(kind) or types.is_boolean(kind):
        return ["" if value is None else value for value in column.to_pylist()]
    values: list[Any] = pc.fill_null(column.cast(pa.string()), "").to_pylist()
    return values


def _time_text(moment: int) -> str:
    try:
        return to_text(moment)
    except OverflowError:
        return f"{moment} microseconds"
