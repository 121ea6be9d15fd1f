"""By record and by column, from any format, from any bytes: the same rules, the same answer, never a traceback."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph.errors import Invalid, KithError
from graph.moments import to_moment
from graph.records import PURPOSES, VISIBILITIES
from graph.stores.memory import MemoryStore
from graph.tables import FORMULA_STARTS, defuse
from loaders.load import Options, load_file
from loaders.money import to_major, to_minor
from loaders.rules import Context
from loaders.shapes import EVENTS, FILES, Shape
from loaders.source import Chunk
from loaders.validate import ColumnReader, read_record

CONTEXT = Context(to_moment(datetime(2026, 11, 23, tzinfo=UTC)), digits=2, key=b"key")
SHAPES = {**FILES, **EVENTS}

WORDS = st.sampled_from(
    (
        *("", "c1", "p1", " c1", "1", "01", "1.0", "1e3", "-1", "true", "No", "nan", "12.50", "12.505", "\uff11\uff12"),
        *("2024-02-29", "2023-02-29", "2024-02-29T12:00:00.5+14:00", "2099-01-01", "1970-01-01", "1985"),
        *("https://shop.example/a.png", "/a.png", "//evil.example", "javascript:alert(1)", "1969-12-31T23:00-02:00"),
        *("a@b.example", "+49 30 1234", "x" * 300, "\0", "\ud800", "a\nb", *PURPOSES, *VISIBILITIES),
    )
)
NUMBERS = st.sampled_from(
    [0, 1, 5, -1, 10**6, 10**400, True, False, 1.0, 0.0, -0.0, 4.5, 0.125, 44.31, 1e300, float("inf"), float("nan")]
)
NESTED = st.sampled_from([[], ["c1"], {}, {"a": 1}])
VALUES = WORDS | st.text(max_size=12) | NUMBERS | NESTED | st.none()

_LIKE_IDS = ("id", "customer", "order", "line", "recommendation_id", "name", "text", "address", "device", "payment")
GOOD: Mapping[str, Any] = dict.fromkeys(_LIKE_IDS, "a") | {
    "product": "p",
    "friend": "b",
    "at": "2024-02-29T12:00:00Z",
    "since": "2024-02-29",
    "quantity": "3",
    "price": "12.50",
    "gift": "yes",
    "available": "no",
    "sensitive": "1",
    "granted": "true",
    "visibility": "count",
    "purpose": "named",
    "weight": "2.5",
    "birth_year": "1985",
    "email": "a@b.example",
    "phone": "1234",
    "category": "shoes",
    "rating": "4",
    "url": "/a",
    "image": "https://shop.example/a.png",
}


def rows_of(shape: Shape) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows that are mostly good, so that faults come one at a time and beside good rows."""
    fields = {name: st.just(GOOD[name]) | VALUES for name in shape.cells}
    return st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=5)


def by_record(
    shape: Shape, rows: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[int, tuple[str | None, str]]]:
    values, faults = [], {}
    for line, row in enumerate(rows):
        try:
            values.append(read_record(shape, row, CONTEXT))
        except Invalid as error:
            faults[line] = error.field, str(error).removeprefix(f"{error.field} ")
    return values, faults


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=settings.default.max_examples // 3)  # of each of the 17 shapes
@given(st.data())
def test_by_record_and_by_column_agree(name: str, data: st.DataObject) -> None:
    shape = SHAPES[name]
    rows = data.draw(rows_of(shape))
    chunk = Chunk(range(len(rows)), {column: [row[column] for row in rows] for column in shape.cells}, (), 0)
    reader = ColumnReader(shape, CONTEXT)
    reader.read(chunk)
    good, rejects = reader.read(chunk)
    one_by_one, faults = by_record(shape, rows)
    fields = tuple(good.values)
    columns = [dict(zip(fields, row, strict=True)) for row in zip(*good.values.values(), strict=True)]
    assert [{field: repr(row[field]) for field in fields} for row in one_by_one] == [
        {field: repr(value) for field, value in row.items()} for row in columns
    ]
    assert set(good.lines) == set(range(len(rows))) - set(faults)
    assert {reject.line: (reject.field, reject.reason) for reject in rejects} == faults


@pytest.mark.parametrize("name", SHAPES)
def test_a_good_row_of_every_shape_is_accepted(name: str) -> None:
    values = read_record(SHAPES[name], GOOD, CONTEXT)
    record = SHAPES[name].kind(**values)
    assert all(getattr(record, field) == value for field, value in values.items())


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
CELLS = st.fixed_dictionaries(
    {
        "id": TEXT | st.sampled_from(["a", "b", ""]),
        "name": TEXT | st.sampled_from(['"', 'a "b"', "a,b", "a\nb", "a\r\nb", "=1+1"]),
    }
)


@given(st.lists(CELLS, max_size=20), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_csv_and_json_lines_say_the_same(rows: list[dict[str, str]], end: str, quoted: bool) -> None:
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.DictWriter(text, ["id", "name"], lineterminator=end, quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    lines = "".join(json.dumps(row) + "\n" for row in rows) or "\n"
    assert loaded("products.csv", text.getvalue().encode()) == loaded("products.jsonl", lines.encode())


def loaded(name: str, content: bytes) -> tuple[list[Any], list[tuple[str | None, str, str]]]:
    """Products in a store, and rejects without their lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        store = MemoryStore()
        report = load_file(path, "products", store, options=Options(now=CONTEXT.now, pause=0))
    products = [record for batch in store.read(FILES["products"].kind) for record in batch.records()]
    return products, [(reject.field, reject.reason, reject.value) for reject in report.rejects]


NAMES = st.sampled_from(["x.csv", "x.csv.gz", "x.tsv", "x.jsonl", "x.ndjson.gz", "x.parquet", "x.txt", "x"])
BITS = st.sampled_from(
    [
        b"customer,product\n",
        b"c1,p1\n",
        b'"',
        b"\r",
        b"\n",
        b"\0",
        b",",
        b"\xff",
        b'{"customer":"c1"}',
        b"\x1f\x8b",
        b"PAR1",
    ]
)


@given(NAMES, st.lists(BITS | st.binary(max_size=8), max_size=12).map(b"".join), st.booleans())
@example("x.csv", b'customer,product\n"c1\n"c2,p1\r"', True)
def test_any_bytes_are_loaded_or_refused(name: str, content: bytes, header: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(b"customer,product\n" + content if header else content)
        options = Options(now=CONTEXT.now, pause=0, create_missing=True, shown=100)
        with suppress(KithError):
            report = load_file(path, "purchases", MemoryStore(), options=options)
            assert report.read == report.accepted + report.rejected


@given(st.integers(0, 10**14), st.integers(0, 4))
def test_a_price_comes_back_as_it_went_in(minor: int, digits: int) -> None:
    whole, fraction = divmod(minor, 10**digits)
    assert to_minor(f"{whole}.{fraction:0{digits}}" if digits else str(whole), digits) == minor
    assert round(to_major(minor, digits) * 10**digits) == minor


@given(st.text(max_size=5))
def test_no_text_leaves_as_a_formula(text: str) -> None:
    assert not defuse(text).startswith(FORMULA_STARTS)
    assert defuse(text).removeprefix("'") == text.removeprefix("'")
