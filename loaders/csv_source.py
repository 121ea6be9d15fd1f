"""CSV (RFC 4180), read by the block: a block without surprises is cut up as a whole, any other line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

from graph.errors import Refused
from loaders.lines import MAX_LINE, Block, blocks
from loaders.packed import PackedFile
from loaders.source import Chunk, Rejected, listed, quote

MAX_QUOTED = 64 * 1024
"""How far a cell in quotes may reach over line ends (bytes)."""
MAX_COLUMNS = 1_000
SEPARATORS = ",;\t|"


@dataclass(slots=True)
class _Rows:
    """Columns in the making; ``rest`` is the beginning of a quoted cell that ends in a later block."""

    lines: Sequence[int] = ()
    columns: Sequence[Sequence[str]] = ()
    rejects: list[Rejected] = field(default_factory=list)
    rest: Block | None = None


class _Unfinished(Exception):
    """A quoted cell goes on beyond the lines at hand."""


class CsvSource:
    """A `loaders.source.Source` of comma (or semicolon, tab, bar) separated text with a header."""

    def __init__(self, file: PackedFile) -> None:
        file.expect_text()
        self.name, self.size = file.name, file.size
        self._file = file
        self._blocks = blocks(file.stream, file.name)
        line, header, self._rest = self._find_header()
        self.heading = f"{self.name}, line {line}"
        self.separator, self.columns = _parse_header(header, self.heading)

    def close(self) -> None:
        self._file.close()

    def chunks(self, wanted: Mapping[str, str]) -> Iterator[Chunk]:
        picks = {name: self.columns.index(column) for name, column in wanted.items()}
        for rows in self._parsed():
            columns = {name: rows.columns[at] if rows.columns else () for name, at in picks.items()}
            yield Chunk(rows.lines, columns, rows.rejects, self._file.position())

    def _find_header(self) -> tuple[int, bytes, Block]:
        """The first line that is not blank, and the block behind it."""
        for block in self._blocks:
            if block.overlong:
                raise Refused(f"{self.name}, line {block.first}: the header is longer than {MAX_LINE // 2**20} MiB")
            lines = block.data.splitlines(keepends=True)
            for at, line in enumerate(lines):
                if line.strip():
                    return block.first + at, line, Block(block.first + at + 1, b"".join(lines[at + 1 :]))
        raise Refused(f"{self.name} is empty: it has not even a header")

    def _parsed(self) -> Iterator[_Rows]:
        rest = self._rest
        for block in self._blocks:
            if block.overlong:
                yield self._read(rest, final=True)
                yield _Rows(rejects=[_too_long(block)])
                rest = Block(block.first + 1, b"")
                continue
            rows = self._read(Block(rest.first, rest.data + block.data) if rest.data else block, final=False)
            rest = rows.rest or Block(block.first, b"")
            yield rows
        yield self._read(rest, final=True)

    def _read(self, block: Block, *, final: bool) -> _Rows:
        if not block.data.strip(b"\r\n"):
            return _Rows()
        columns = self._read_whole(block.data)
        if columns:
            return _Rows(range(block.first, block.first + len(columns[0])), columns)
        return _Careful(block, self.separator, len(self.columns), final).read()

    def _read_whole(self, data: bytes) -> Sequence[Sequence[str]] | None:
        """The columns, if each line is one row of the right width; otherwise None."""
        width, separator = len(self.columns), self.separator
        try:
            text = data.decode()
            if "\r" in text:
                text = text.replace("\r\n", "\n").replace("\r", "\n")
            text = text.removesuffix("\n")
            lines = text.split("\n")
            if '"' not in text:
                # Cut at once and dealt out: no object per row, which the garbage collector would visit again and again.
                cells = text.replace("\n", separator).split(separator)
                even = set(map(str.count, lines, repeat(separator))) == {width - 1} and "" not in lines
                return [cells[at::width] for at in range(width)] if even else None
            rows = list(csv.reader(lines, delimiter=separator, strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None
        if len(rows) != len(lines) or set(map(len, rows)) != {width}:
            return None
        return list(zip(*rows, strict=True))


class _Careful:
    """Line by line: what cannot be read is rejected by its line, and reading goes on at the next one."""

    def __init__(self, block: Block, separator: str, width: int, final: bool) -> None:
        self._first, self._lines = block.first, block.data.splitlines(keepends=True)
        self._separator, self._width, self._final = separator, width, final
        self._numbers: list[int] = []
        self._cells: list[list[str]] = []
        self._rejects: list[Rejected] = []

    def read(self) -> _Rows:
        at, rest = 0, None
        while at < len(self._lines):
            try:
                at += self._read_row(at)
            except _Unfinished:
                rest = Block(self._first + at, b"".join(self._lines[at:]))
                break
        return _Rows(self._numbers, list(zip(*self._cells, strict=True)), self._rejects, rest)

    def _read_row(self, at: int) -> int:
        """Read the row that begins at a line; returns how many lines it took."""
        line = self._lines[at]
        if not line.strip(b"\r\n"):
            return 1
        try:
            cells, used = self._quoted(at) if b'"' in line else (self._plain(line), 1)
        except UnicodeDecodeError:
            self._reject(at, "is not valid UTF-8")
        except csv.Error as error:
            self._reject(at, str(error))
        else:
            if len(cells) == self._width:
                self._numbers.append(self._first + at)
                self._cells.append(cells)
            else:
                self._reject(at, f"has {len(cells):,} cells, the header {self._width:,}")
            return used
        return 1

    def _plain(self, line: bytes) -> list[str]:
        return line.decode().rstrip("\r\n").split(self._separator)

    def _quoted(self, at: int) -> tuple[list[str], int]:
        ran_out = False

        def following() -> Iterator[str]:
            nonlocal ran_out
            size = 0
            for further in range(at, len(self._lines)):
                size += len(self._lines[further])
                if size > MAX_QUOTED and further > at:
                    return
                yield self._lines[further].decode()
            ran_out = True

        reader = csv.reader(following(), delimiter=self._separator, strict=True)
        try:
            return next(reader), reader.line_num
        except csv.Error as error:
            if ran_out and not self._final:
                raise _Unfinished from None
            raise csv.Error(_explain(str(error))) from None

    def _reject(self, at: int, reason: str) -> None:
        value = quote(self._lines[at][:200].decode(errors="backslashreplace").rstrip("\r\n"))
        self._rejects.append(Rejected(self._first + at, None, reason, value))


def _explain(error: str) -> str:
    if "unexpected end" in error:
        return f"opens a quote that is not closed before the end of the file or within {MAX_QUOTED // 1024} KiB"
    return "has a cell that is too long" if "field limit" in error else "has a misplaced quote"


def _too_long(block: Block) -> Rejected:
    value = quote(block.data.decode(errors="backslashreplace"))
    return Rejected(block.first, None, f"is longer than {MAX_LINE // 2**20} MiB", value)


def _parse_header(line: bytes, place: str) -> tuple[str, tuple[str, ...]]:
    """The separator (the most frequent candidate of the header) and the names."""
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refused(f"{place}: the header is not valid UTF-8; save the file as UTF-8 text") from None
    separator = max(SEPARATORS, key=text.count)
    try:
        names = next(csv.reader([text], delimiter=separator, strict=True))
    except (csv.Error, StopIteration):
        raise Refused(f"{place}: the header has a misplaced quote") from None
    if len(names) > MAX_COLUMNS:
        raise Refused(f"{place}: the header has {len(names):,} columns; at most {MAX_COLUMNS:,} are read")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise Refused(f"{place}: the header names {listed(twice)} twice; which one counts is not clear")
    return separator, tuple(names)
