"""One suite for every format: the same rows, however they are written, become the same graph, in every store."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import hmac
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph.records import Consent, Customer, Friendship, Like, Product, Purchase, Record
from graph.store import GraphStore
from loaders.load import Options, load_files

NOW = 1_795_392_000_000_000
KEY = b"secret"
OPTIONS = Options(now=NOW, pause=0, key=KEY, chunk_rows=2)
Row = dict[str, str]

SHOP: dict[str, list[Row]] = {
    "customers": [
        {"id": "c1", "name": 'Ann "A", of\nHere', "birth_year": "1980", "email": "Ann@shop.example "},
        {"id": "c2", "name": "", "birth_year": "", "email": ""},
        {"id": "012", "name": "Ümit", "birth_year": "2001", "email": "u@shop.example"},
        {"id": "bad ", "name": "B", "birth_year": "2001", "email": "b@shop.example"},
    ],
    "products": [
        {"id": "p1", "name": "=Shoe", "price": "12.50", "category": "shoes", "sensitive": "no", "image": "/p1.png"},
        {"id": "p2", "name": "Hat", "price": "", "category": "", "sensitive": "yes", "image": ""},
        {"id": "p3", "name": "Bag", "price": "-1", "category": "", "sensitive": "no", "image": ""},
    ],
    "friends": [
        {"customer": "c2", "friend": "c1", "since": "2020-01-01"},
        {"customer": "c1", "friend": "c2", "since": "2020-01-01"},
        {"customer": "c1", "friend": "c1", "since": ""},
    ],
    "consents": [{"customer": "c1", "purpose": "named", "granted": "true", "at": "2024-01-01"}],
    "purchases": [
        {
            "customer": "c1",
            "product": "p1",
            "at": "2024-02-29T12:00:00.5+02:00",
            "quantity": "2",
            "price": "12.5",
            "weight": "",
        },
        {
            "customer": "c1",
            "product": "p1",
            "at": "2024-02-29T10:00:00.5Z",
            "quantity": "2",
            "price": "12.50",
            "weight": "",
        },
        {"customer": "c1", "product": "p2", "at": "2024-03-01", "quantity": "1", "price": "", "weight": "2.5"},
        {"customer": "c2", "product": "p2", "at": "", "quantity": "1", "price": "1", "weight": "2.5"},
        {"customer": "c9", "product": "p2", "at": "2024-03-01", "quantity": "1", "price": "1", "weight": "1"},
    ],
    "likes": [{"customer": "c2", "product": "p1", "at": "2024-03-01T00:00:00Z"}],
}
REJECTED = {"customers": 1, "products": 1, "friends": 1, "consents": 0, "purchases": 2, "likes": 0}
KINDS: tuple[type[Record], ...] = (Customer, Product, Friendship, Consent, Purchase, Like)


def as_csv(rows: list[Row], separator: str = ",", end: str = "\n", columns: list[str] | None = None) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns or list(rows[0]), delimiter=separator, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(rows: list[Row]) -> bytes:
    """Numbers and truths as JSON has them; an empty cell stays an empty text."""
    return "".join(
        json.dumps({name: _native(name, value) for name, value in row.items()}) + "\n" for row in rows
    ).encode()


def _native(name: str, value: str) -> object:
    if value == "":
        return value
    if name in {"quantity", "birth_year"}:
        return int(value)
    if name in {"price", "weight"}:
        return float(value)
    return {"yes": True, "no": False, "true": True}[value] if name in {"sensitive", "granted"} else value


def as_parquet(rows: list[Row], **types: pa.DataType) -> bytes:
    columns = {name: [_native(name, row[name]) for row in rows] for name in rows[0]}
    arrays = {name: pa.array([None if value == "" else value for value in column]) for name, column in columns.items()}
    typed = {name: array.cast(types[name]) if name in types else array for name, array in arrays.items()}
    out = io.BytesIO()
    pq.write_table(pa.table(typed), out, row_group_size=2)
    return out.getvalue()


FORMATS: dict[str, tuple[str, Callable[[list[Row]], bytes]]] = {
    "csv": (".csv", as_csv),
    "csv, other way round": (".csv", lambda rows: as_csv(rows, columns=list(reversed(rows[0])))),
    "csv of a spreadsheet": (".csv", lambda rows: b"\xef\xbb\xbf" + as_csv(rows, ";", "\r\n")),
    "tabs": (".tsv", lambda rows: as_csv(rows, "\t")),
    "csv, packed": (".csv.gz", lambda rows: gzip.compress(as_csv(rows))),
    "json lines": (".jsonl", as_json),
    "json lines, packed": (".ndjson.gz", lambda rows: gzip.compress(as_json(rows))),
    "parquet": (".parquet", as_parquet),
    "parquet, packed": (".parquet.gz", lambda rows: gzip.compress(as_parquet(rows))),
    "parquet of decimals": (".parquet", lambda rows: as_parquet(rows, price=pa.decimal128(12, 3), quantity=pa.int8())),
    "parquet of categories": (
        ".parquet",
        lambda rows: as_parquet(rows, customer=pa.dictionary(pa.int32(), pa.string()), weight=pa.float32()),
    ),
}


@pytest.fixture(params=FORMATS)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Path]:
    """The shop, written in one format."""
    suffix, write = FORMATS[request.param]
    return written(tmp_path / "in", suffix, write)


def written(folder: Path, suffix: str, write: Callable[[list[Row]], bytes]) -> dict[str, Path]:
    folder.mkdir()
    paths = {kind: folder / f"{kind}{suffix}" for kind in SHOP}
    for kind, path in paths.items():
        path.write_bytes(write(SHOP[kind]))
    return paths


def contents(store: GraphStore) -> dict[str, set[Record]]:
    return {kind.__name__: {record for batch in store.read(kind) for record in batch.records()} for kind in KINDS}


def expected() -> dict[str, set[Record]]:
    bought = 1_709_200_800_500_000
    return {
        "Product": {
            Product(id="p1", name="=Shoe", price=1250, category="shoes", image="/p1.png"),
            Product(id="p2", name="Hat", sensitive=True),
        },
        "Friendship": {Friendship(customer="c1", friend="c2", since=1_577_836_800_000_000)},
        "Purchase": {
            Purchase(id="", customer="c1", product="p1", at=bought, quantity=2, price=1250),
            Purchase(id="", customer="c1", product="p2", at=1_709_251_200_000_000, weight=2.5),
        },
    }


def test_every_format_becomes_the_same_graph(files: dict[str, Path], store: GraphStore, tmp_path: Path) -> None:
    reports = load_files(files, store, options=OPTIONS)
    assert {report.kind: report.rejected for report in reports} == REJECTED
    loaded = contents(store)
    from_csv = written(tmp_path / "csv", ".csv", as_csv)
    load_files(from_csv, store, options=OPTIONS)
    assert contents(store) == loaded


def test_values_are_stored_as_documented(files: dict[str, Path], store: GraphStore) -> None:
    load_files(files, store, options=OPTIONS)
    loaded = contents(store)
    for name, records in expected().items():
        found = {_without_id(record) for record in loaded[name]}
        assert found == {_without_id(record) for record in records}
    people = {customer.id: customer for customer in loaded["Customer"] if isinstance(customer, Customer)}
    assert set(people) == {"c1", "c2", "012"}
    assert people["c1"].name == 'Ann "A", of\nHere'
    assert people["c1"].birth_year == 1980
    assert people["c1"].email == "h:" + hmac.digest(KEY, b"ann@shop.example", "sha256")[:16].hex()


def _without_id(record: Record) -> Record:
    """Ids of events follow from their content; the other tests compare them."""
    return dataclasses.replace(record, id="") if isinstance(record, Purchase) else record


def test_loading_twice_changes_nothing(files: dict[str, Path], store: GraphStore) -> None:
    first = load_files(files, store, options=OPTIONS)
    before = contents(store)
    second = load_files(files, store, options=OPTIONS)
    assert contents(store) == before
    assert sum(report.changed for report in second) == 0
    assert [report.repeated for report in second] == [report.repeated for report in first]
    assert all(report.unchanged == report.accepted - report.repeated for report in second)


def test_rejects_name_line_field_and_reason(files: dict[str, Path], store: GraphStore) -> None:
    reports = {report.kind: report for report in load_files(files, store, options=OPTIONS)}
    named = {kind: [(reject.field, reject.value) for reject in report.rejects] for kind, report in reports.items()}
    assert named["customers"] == [("id", "bad ")]
    assert named["friends"] == [("friend", "c1")]
    assert [field for field, _ in named["products"]] == ["price"]
    assert named["purchases"] == [("at", ""), ("customer", "c9")]


def test_exact_repeats_are_counted(files: dict[str, Path], store: GraphStore) -> None:
    reports = {report.kind: report for report in load_files(files, store, options=OPTIONS)}
    assert (reports["purchases"].repeated, reports["friends"].repeated) == (1, 1)
    assert (reports["purchases"].changed, reports["friends"].changed) == (2, 1)
