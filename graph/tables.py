"""Records of one kind in a file: written as CSV, JSON Lines or Parquet, and read back from the latter two, exactly.

CSV is made for spreadsheets: text that one would run as a formula gets an apostrophe in front. In Parquet a moment is a
timestamp of microseconds and a price a decimal; both are 64 bits of the integer that is stored.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.columns import Columns
from graph.errors import Damaged, Refused
from graph.plain import MOMENTS, PRICES, Rule, judge, known_rule_of, needed, plain, rule_of
from graph.schema import Kind

if TYPE_CHECKING:  # imported where it is used: most commands do not need it, and it takes long to load
    import pyarrow as pa

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters that make a spreadsheet compute a cell (OWASP, CSV injection)."""

PRICE_PRECISION = 19
"""Decimal digits of the largest integer that is stored."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is no record. ``line`` counts from 1; ``field``: None where the line as a whole is at fault."""

    line: int
    field: str | None
    reason: str
    value: object


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a file: the records, and what is wrong with each other row."""

    columns: Columns[Any]
    faults: Sequence[Fault]


def defuse(cell: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would take it for a formula."""
    return "'" + cell if cell.startswith(FORMULA_STARTS) else cell


def write_table(path: Path, kind: Kind, format: str, batches: Iterable[Columns[Any]], *, digits: int) -> int:
    """Write all records of a kind in one of `FORMATS`; returns how many there are."""
    return _WRITERS[format](path, kind, batches, digits)


def read_table(path: Path, kind: Kind, format: str, *, digits: int, rows: int) -> Iterator[Batch]:
    """Read a file that `write_table` wrote in one of `EXACT`, at most ``rows`` rows at a time.

    Raises
    ------
    graph.errors.Refused
        The columns are not those of the kind.
    graph.errors.Damaged
        The file cannot be read.
    """
    return _READERS[format](path, kind, digits, rows)


def rows_of(columns: Columns[Any], digits: int) -> Iterator[dict[str, Any]]:
    """Each record as a dictionary of plain values; what is not known is left out."""
    names = tuple(columns.values)
    for row in zip(*_plain(columns, digits), strict=True):
        yield {name: value for name, value in zip(names, row, strict=True) if value is not None}


def _plain(columns: Columns[Any], digits: int) -> Iterator[Sequence[Any]]:
    return (plain(name, values, digits) for name, values in columns.values.items())


def _write_csv(path: Path, kind: Kind, batches: Iterable[Columns[Any]], digits: int) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(kind.columns)
        for columns in batches:
            writer.writerows(list(map(_cell, row)) for row in zip(*_plain(columns, digits), strict=True))
            count += len(columns)
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return defuse(value) if isinstance(value, str) else str(value)


def _write_jsonl(path: Path, kind: Kind, batches: Iterable[Columns[Any]], digits: int) -> int:
    count = 0
    floats = [field.name for field in kind.fields if field.type is float]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for columns in batches:
            for row in rows_of(columns, digits):
                file.write(_json(row, floats) + "\n")
            count += len(columns)
    return count


def _json(row: dict[str, Any], floats: Sequence[str]) -> str:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False)
    except ValueError:  # infinite, or not a number: JSON knows neither
        known = {name: str(row[name]) for name in floats if name in row and not math.isfinite(row[name])}
        return json.dumps(row | known, ensure_ascii=False)


def _read_jsonl(path: Path, kind: Kind, digits: int, rows: int) -> Iterator[Batch]:
    rules = {field.name: rule_of(field, digits) for field in kind.fields}
    with path.open("rb") as file:
        numbered = enumerate(file, 1)
        while lines := list(islice(numbered, rows)):
            found, faults = _decoded(lines, kind)
            raw = {name: [row.get(name) for row in found.values()] for name in kind.columns}
            batch = _judged(kind, list(found), raw, rules)
            yield Batch(batch.columns, sorted([*faults, *batch.faults], key=lambda fault: fault.line))


def _decoded(lines: Iterable[tuple[int, bytes]], kind: Kind) -> tuple[dict[int, dict[str, Any]], list[Fault]]:
    """The objects by line, and what is wrong with the other lines."""
    names = set(kind.columns)
    found: dict[int, dict[str, Any]] = {}
    faults: list[Fault] = []
    for line, text in lines:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            faults.append(Fault(line, None, f"is not JSON: {error}", text[:200].decode(errors="backslashreplace")))
            continue
        if not isinstance(row, dict):
            faults.append(Fault(line, None, "is not a JSON object", row))
        elif strange := min(row.keys() - names, default=None):
            faults.append(Fault(line, strange, f"is no field of {kind.table}", row[strange]))
        else:
            found[line] = row
    return found, faults


def _judged(kind: Kind, lines: Sequence[int], raw: Mapping[str, Sequence[Any]], rules: Mapping[str, Rule]) -> Batch:
    """The rows in which every value keeps its rule; of each other row the first fault, in the order of the fields."""
    faults: dict[int, Fault] = {}
    values: dict[str, Sequence[Any]] = {}
    for name, column in raw.items():
        values[name], reasons = judge(column, rules[name])
        for at, reason in reasons.items():
            faults.setdefault(at, Fault(lines[at], name, reason, column[at]))
    if faults:
        kept = [at for at in range(len(lines)) if at not in faults]
        values = {name: [column[at] for at in kept] for name, column in values.items()}
    return Batch(Columns(kind.record, values), [faults[at] for at in sorted(faults)])


def _schema(kind: Kind, digits: int) -> pa.Schema:
    import pyarrow as pa

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    special = dict.fromkeys(MOMENTS, pa.timestamp("us", tz="UTC"))
    special |= dict.fromkeys(PRICES, pa.decimal128(PRICE_PRECISION, digits))
    return pa.schema([(field.name, special.get(field.name, types[field.type])) for field in kind.fields])


def _write_parquet(path: Path, kind: Kind, batches: Iterable[Columns[Any]], digits: int) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(kind, digits)
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        for columns in batches:
            arrays = [_arrow(columns[column.name], column.type) for column in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(columns)
    return count


def _read_parquet(path: Path, kind: Kind, digits: int, rows: int) -> Iterator[Batch]:
    rules = {field.name: known_rule_of(field) for field in kind.fields}
    first = 1
    for columns, count in _parquet_columns(path, kind, digits, rows):
        yield _judged(kind, range(first, first + count), columns, rules)
        first += count


def _parquet_columns(path: Path, kind: Kind, digits: int, rows: int) -> Iterator[tuple[dict[str, list[Any]], int]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, kind, file.schema_arrow, _schema(kind, digits))
            for batch in file.iter_batches(rows, use_threads=False):
                batch.validate(full=True)
                yield {name: _integers_or_values(batch.column(name)) for name in batch.schema.names}, batch.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(f"{path} cannot be read ({error}): copy it again, or export again") from error


def _check_columns(path: Path, kind: Kind, found: pa.Schema, due: pa.Schema) -> None:
    lacking = {field.name for field in kind.fields if needed(field)} - set(found.names)
    if lacking:
        raise Refused(f"{path} has no column {min(lacking)!r}, which all {kind.table} have: export again")
    types = {column.name: column.type for column in due}
    for column in found:
        expected = types.pop(column.name, None)  # popped, so that one that comes twice is refused
        if expected is None:
            which = f"the column {column.name!r}, which is unknown or there twice"
            raise Refused(f"{path} has {which}: load it with the version of Kith that wrote it")
        if column.type != expected:
            raise Refused(f"{path} holds {column.type} in {column.name!r} instead of {expected}: export again")


def _arrow(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Integers become timestamps and decimals as they are: neither type can be made from them without a detour."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    if pa.types.is_decimal(kind):
        whole = pa.array(values, pa.int64()).cast(pa.decimal128(PRICE_PRECISION, 0))
        return pa.Array.from_buffers(kind, len(whole), whole.buffers())
    return pa.array(values, kind)


def _integers_or_values(column: pa.Array) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_decimal(column.type):
        whole = pa.decimal128(PRICE_PRECISION, 0)
        column = pa.Array.from_buffers(whole, len(column), column.buffers(), offset=column.offset).cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values


_WRITERS: Mapping[str, Callable[[Path, Kind, Iterable[Columns[Any]], int], int]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
_READERS: Mapping[str, Callable[[Path, Kind, int, int], Iterator[Batch]]] = {
    "parquet": _read_parquet,
    "jsonl": _read_jsonl,
}
FORMATS = tuple(_WRITERS)
EXACT = tuple(_READERS)
"""Formats that a whole graph moves in."""
