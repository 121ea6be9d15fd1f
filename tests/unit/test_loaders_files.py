"""Reading files: line numbers, quotes, blocks. Where a block ends must not change what is read."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import Refused
from loaders import lines
from loaders.csv_source import CsvSource
from loaders.files import FORMATS, open_source
from loaders.lines import Block, blocks
from loaders.packed import PackedFile

Row = tuple[int, tuple[str, ...]]


def read(path: Path) -> tuple[list[Row], list[tuple[int, str]]]:
    """Rows and rejects of a file, each with its line."""
    rows: list[Row] = []
    rejects: list[tuple[int, str]] = []
    with closing(open_source(path)) as source:
        assert source.columns is not None
        for chunk in source.chunks({name: name for name in source.columns}):
            cells = zip(*chunk.columns.values(), strict=True)
            rows += zip(chunk.lines, cells, strict=True)
            rejects += [(reject.line, reject.reason) for reject in chunk.rejects]
    return rows, rejects


def read_text(folder: Path, text: str) -> tuple[list[Row], list[tuple[int, str]]]:
    path = folder / "a.csv"
    path.write_bytes(text.encode())
    return read(path)


def test_rows_carry_the_line_they_begin_on(tmp_path: Path) -> None:
    rows, rejects = read_text(tmp_path, 'id,name\n\n1,"a\nb"\r\n2,c\r\n\n3,"d\r\ne"\n4\n5,f')
    assert rows == [(3, ("1", "a\nb")), (5, ("2", "c")), (7, ("3", "d\r\ne")), (10, ("5", "f"))]
    assert rejects == [(9, "has 1 cells, the header 2")]


def test_quotes_are_read_as_the_standard_says(tmp_path: Path) -> None:
    rows, rejects = read_text(tmp_path, 'id,name\n1,"a ""b"", c"\n"2",""\n3,"x"\n4,12" vinyl\n')
    assert rows == [(2, ("1", 'a "b", c')), (3, ("2", "")), (4, ("3", "x")), (5, ("4", '12" vinyl'))]
    assert rejects == []


def test_an_unclosed_quote_costs_one_line_however_many_follow(tmp_path: Path) -> None:
    text = 'id,name\n1,"open\n' + "".join(f'{n},"closed, {n}"\n' for n in range(5000)) + '9,"open too\n'
    rows, rejects = read_text(tmp_path, text)
    assert len(rows) == 5000
    assert [line for line, _ in rejects] == [2, 5003]
    assert "not closed" in rejects[1][1]


def test_a_quote_reaches_as_far_as_the_limit(tmp_path: Path) -> None:
    short, long = "line\n" * 10_000, "line\n" * 14_000
    assert read_text(tmp_path, f'id,name\n1,"{short}"\n2,a\n')[0] == [(2, ("1", short)), (10_003, ("2", "a"))]
    rows, rejects = read_text(tmp_path, f'id,name\n1,"{long}"\n2,a\n')
    assert rows == [(14_003, ("2", "a"))]
    assert rejects[0] == (2, "opens a quote that is not closed before the end of the file or within 64 KiB")


def test_a_single_column_may_be_read_and_blank_lines_are_none(tmp_path: Path) -> None:
    assert read_text(tmp_path, 'id\na\n\n""\nb\n')[0] == [(2, ("a",)), (4, ("",)), (5, ("b",))]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_of_the_header(tmp_path: Path, separator: str) -> None:
    rows, _ = read_text(tmp_path, separator.join(("id", "name", "x")) + "\n" + separator.join(("1", "a", "b")) + "\n")
    assert rows == [(2, ("1", "a", "b"))]


LINES = st.sampled_from(
    ["1,a", '2,"b', '"', 'c"', '3,"d ""e"""', "", "4", '5,"x"y', "6,ü", "\ud7ff,\U0001f3b8", '"7","8"', ","]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.integers(1, 12), st.booleans())
def test_where_blocks_end_changes_nothing(parts: list[tuple[str, str]], size: int, open_end: bool) -> None:
    text = "id,name\n" + "".join(line + end for line, end in parts)
    content = (text.rstrip("\r\n") if open_end else text).encode()

    def parse(block: int) -> tuple[list[Row], list[tuple[int, str]]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lines, "BLOCK", block)
            source = CsvSource(file_of(content))
            rows: list[Row] = []
            rejects: list[tuple[int, str]] = []
            for chunk in source.chunks({"id": "id", "name": "name"}):
                rows += zip(chunk.lines, zip(*chunk.columns.values(), strict=True), strict=True)
                rejects += [(reject.line, reject.reason) for reject in chunk.rejects]
            return rows, rejects

    assert parse(size) == parse(1 << 20)


def file_of(content: bytes) -> PackedFile:
    """An opened file without a file."""
    file = PackedFile.__new__(PackedFile)
    file.name, file.size, file.packed, file.head = "memory.csv", len(content), False, content[:4096]
    file.stream = file._raw = io.BytesIO(content)  # type: ignore[assignment]
    return file


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n"]), max_size=40).map(b"".join), st.integers(1, 9))
def test_blocks_are_whole_lines_numbered_from_one(content: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", size)
        found = list(blocks(io.BytesIO(content), "x"))
    numbered = [
        (block.first + at, line) for block in found for at, line in enumerate(block.data.splitlines(keepends=True))
    ]
    assert numbered == list(enumerate(content.splitlines(keepends=True), 1))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_an_overlong_line_is_one_block_and_the_next_line_is_whole(end: bytes, size: int) -> None:
    content = b"first" + end + b"x" * 50 + end + b"third" + end + b"fourth"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", size)
        patch.setattr(lines, "MAX_LINE", 40)
        found = list(blocks(io.BytesIO(content), "x"))
    long = [block for block in found if block.overlong]
    assert [block.first for block in long] == ([2] if size < 64 else [])
    rest = [
        (block.first + at, line.strip())
        for block in found
        if not block.overlong
        for at, line in enumerate(block.data.splitlines())
    ]
    assert [(line, text) for line, text in rest if line != 2] == [(1, b"first"), (3, b"third"), (4, b"fourth")]


def test_a_line_without_end_is_refused_before_it_is_held() -> None:
    with pytest.raises(Refused, match="x, line 2 is longer than 8 MiB"):
        list(blocks(io.BytesIO(b"a\n" + b"b" * (9 << 20)), "x"))


def test_a_last_line_that_is_too_long_ends_the_file() -> None:
    found = list(blocks(io.BytesIO(b"a\n" + b"b" * (2 << 20)), "x"))
    assert found == [Block(1, b"a\n"), Block(2, b"b" * 80, overlong=True)]


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        open_source(tmp_path / "a.xml")
    assert all(suffix in str(refusal.value) for suffix in FORMATS)


def test_names_may_be_written_in_capitals(tmp_path: Path) -> None:
    path = tmp_path / "A.CSV"
    path.write_text("id\na\n")
    assert read(path)[0] == [(2, ("a",))]


def test_the_name_of_a_file_cannot_control_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        open_source(tmp_path / "\x1b[2J.csv")
    assert str(refusal.value).isprintable()
