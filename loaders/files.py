"""Which source reads a file: its name says the format, its bytes whether it is packed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from graph.errors import Refused
from loaders.csv_source import CsvSource
from loaders.json_source import JsonSource
from loaders.packed import PackedFile, quote_path
from loaders.source import Source


def _parquet(file: PackedFile) -> Source:
    from loaders.parquet_source import ParquetSource  # pyarrow takes a third of a second to import

    return ParquetSource(file)


FORMATS: dict[str, Callable[[PackedFile], Source]] = {
    ".csv": CsvSource,
    ".tsv": CsvSource,
    ".jsonl": JsonSource,
    ".ndjson": JsonSource,
    ".parquet": _parquet,
}


def open_source(path: Path) -> Source:
    """Open a file for loading and check it as a whole.

    Raises
    ------
    graph.errors.Refused
        No such file, an unknown format, or a file that is empty, damaged or not what its name says.
    """
    name = path.name.lower().removesuffix(".gz")
    suffix = Path(name).suffix
    if suffix not in FORMATS and not path.is_dir():
        known = ", ".join(FORMATS)
        raise Refused(f"{quote_path(path)}: unknown format; known are {known}, each also with .gz behind it")
    file = PackedFile(path)
    try:
        return FORMATS[suffix](file)
    except BaseException:
        file.close()
        raise
