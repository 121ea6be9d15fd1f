"""Records of one kind in a file, out and in: exact formats, bad rows, files that are no such thing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph.columns import Columns
from graph.errors import Damaged, Refused
from graph.records import Consent, Customer, Product, Purchase, Record, Review
from graph.schema import KINDS, kind_of
from graph.tables import EXACT, FORMATS, Fault, defuse, read_table, rows_of, write_table
from tests.records import FACTS

CONSENT = {"id": "1", "customer": "a", "purpose": "named", "granted": True}


def written(path: Path, kind: type[Record], format: str, *batches: Sequence[Record], digits: int = 2) -> int:
    return write_table(path, kind_of(kind), format, [Columns.of(kind, batch) for batch in batches], digits=digits)


def read(
    path: Path, kind: type[Record], format: str, *, digits: int = 2, rows: int = 1000
) -> tuple[list[Record], list[Fault]]:
    records: list[Record] = []
    faults: list[Fault] = []
    for batch in read_table(path, kind_of(kind), format, digits=digits, rows=rows):
        records += batch.columns.records()
        faults += batch.faults
    return records, faults


@pytest.mark.parametrize("format", EXACT)
class TestExactFormats:
    @pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
    def test_a_record_of_each_kind_comes_back(self, tmp_path: Path, format: str, fact: Record) -> None:
        assert written(tmp_path / "file", type(fact), format, [fact]) == 1
        assert read(tmp_path / "file", type(fact), format) == ([fact], [])

    def test_batches_of_any_size_make_one_file_in_their_order(self, tmp_path: Path, format: str) -> None:
        people = [Customer(id=f"c{n}", birth_year=n or None) for n in range(10)]
        assert written(tmp_path / "file", Customer, format, people[:3], [], people[3:]) == 10
        for rows in (1, 4, 10, 1000):
            kind = kind_of(Customer)
            sizes = [len(b.columns) for b in read_table(tmp_path / "file", kind, format, digits=2, rows=rows)]
            assert max(sizes) == min(rows, 10)
            assert read(tmp_path / "file", Customer, format, rows=rows) == (people, [])

    @pytest.mark.parametrize("record", KINDS, ids=lambda record: record.__name__)
    def test_no_record_at_all_is_a_file_too(self, tmp_path: Path, format: str, record: type[Record]) -> None:
        assert written(tmp_path / "file", record, format) == 0
        assert read(tmp_path / "file", record, format) == ([], [])

    def test_what_is_not_a_number_survives(self, tmp_path: Path, format: str) -> None:
        rated = Review(id="1", customer="a", product="p", rating=math.nan)
        written(tmp_path / "file", Review, format, [rated])
        ((found,), faults) = read(tmp_path / "file", Review, format)
        assert isinstance(found, Review) and found.rating is not None and math.isnan(found.rating)
        assert faults == []

    def test_nothing_is_not_the_same_as_no_text(self, tmp_path: Path, format: str) -> None:
        people = [Customer(id="a", name=""), Customer(id="b", name=None)]
        written(tmp_path / "file", Customer, format, people)
        assert read(tmp_path / "file", Customer, format) == (people, [])


def lines(path: Path, *rows: object) -> Path:
    """A file of JSON values, and of bytes as they are."""
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return path


class TestJsonLines:
    def test_infinite_numbers_are_text_and_the_rest_is_json(self, tmp_path: Path) -> None:
        bought = Purchase(id="1", customer="a", product="p", weight=math.inf, price=1250, at=0)
        written(tmp_path / "file", Purchase, "jsonl", [bought])
        row = json.loads((tmp_path / "file").read_text(), parse_constant=pytest.fail)
        expected = {"weight": "inf", "price": "12.50", "at": "1970-01-01T00:00:00Z", "quantity": 1, "gift": False}
        assert row == {"id": "1", "customer": "a", "product": "p", **expected}

    @pytest.mark.parametrize(
        ("change", "field", "reason", "value"),
        [
            ({"purpose": "fun"}, "purpose", "is none of personalisation", "fun"),
            ({"granted": "yes"}, "granted", "is neither true nor false", "yes"),
            ({"customer": None}, "customer", "is missing", None),
            ({"id": 1, "at": "soon"}, "id", "is no text", 1),
            ({"at": "soon"}, "at", "is no time", "soon"),
            ({"mood": "good"}, "mood", "is no field of consents", "good"),
        ],
    )
    def test_a_bad_row_is_named_by_line_field_and_reason_and_the_good_ones_are_kept(
        self, tmp_path: Path, change: dict[str, object], field: str, reason: str, value: object
    ) -> None:
        file = lines(tmp_path / "file", CONSENT, CONSENT | change, CONSENT | {"id": "3"})
        for rows in (1, 2, 1000):
            records, (fault,) = read(file, Consent, "jsonl", rows=rows)
            assert records == [Consent(**CONSENT), Consent(**CONSENT | {"id": "3"})]  # type: ignore[arg-type]
            assert (fault.line, fault.field, fault.value) == (2, field, value)
            assert fault.reason.startswith(reason)

    @pytest.mark.parametrize("key", sorted(CONSENT))
    def test_a_row_without_a_required_key_is_missing_it(self, tmp_path: Path, key: str) -> None:
        file = lines(tmp_path / "file", {name: value for name, value in CONSENT.items() if name != key})
        assert read(file, Consent, "jsonl") == ([], [Fault(1, key, "is missing", None)])

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"", "is not JSON"),
            (b"{", "is not JSON"),
            (b"\xff", "is not JSON"),
            (b"[" * 100_000, "is not JSON"),
            (b"1" * 5_000, "is not JSON"),
            (b"[]", "is not a JSON object"),
            (b"null", "is not a JSON object"),
        ],
        ids=["empty", "cut", "no text", "deep", "long", "list", "null"],
    )
    def test_a_line_that_is_no_object_is_a_bad_row(self, tmp_path: Path, line: bytes, reason: str) -> None:
        records, (fault,) = read(lines(tmp_path / "file", CONSENT, line), Consent, "jsonl")
        assert len(records) == 1
        assert (fault.line, fault.field) == (2, None)
        assert fault.reason.startswith(reason)

    def test_of_several_bad_rows_each_is_told_once_in_the_order_of_the_file(self, tmp_path: Path) -> None:
        bad = CONSENT | {"purpose": "fun", "granted": 1}
        file = lines(tmp_path / "file", bad, b"{", bad, [], CONSENT)
        _, faults = read(file, Consent, "jsonl")
        assert [(fault.line, fault.field) for fault in faults] == [(1, "purpose"), (2, None), (3, "purpose"), (4, None)]


Change = Callable[[pa.Table], pa.Table]


def rewritten(path: Path, change: Change) -> Path:
    pq.write_table(change(pq.read_table(path)), path)
    return path


def with_column(name: str, values: list[Any], kind: pa.DataType) -> Change:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.get_field_index(name), pa.field(name, kind), pa.array(values, kind))

    return change


class TestParquet:
    @pytest.fixture
    def bought(self, tmp_path: Path) -> Path:
        records = [Purchase(id=f"{n}", customer="a", product="p", price=n, at=n, visibility="count") for n in range(3)]
        written(tmp_path / "purchases.parquet", Purchase, "parquet", records)
        return tmp_path / "purchases.parquet"

    def test_other_programs_see_times_and_decimals(self, tmp_path: Path) -> None:
        written(
            tmp_path / "file", Purchase, "parquet", [Purchase(id="1", customer="a", product="p", at=0, price=-1250)]
        )
        schema, (row,) = pq.read_schema(tmp_path / "file"), pq.read_table(tmp_path / "file").to_pylist()
        assert (schema.field("at").type, schema.field("price").type) == (
            pa.timestamp("us", "UTC"),
            pa.decimal128(19, 2),
        )
        assert (row["at"].isoformat(), row["price"]) == ("1970-01-01T00:00:00+00:00", Decimal("-12.50"))

    def test_a_bad_row_is_named_and_the_good_ones_are_kept(self, bought: Path) -> None:
        rewritten(bought, with_column("customer", ["a", None, "a"], pa.string()))
        rewritten(bought, with_column("visibility", ["count", "count", "all"], pa.string()))
        for rows in (1, 2, 1000):
            records, faults = read(bought, Purchase, "parquet", rows=rows)
            assert [getattr(record, "id") for record in records] == ["0"]  # noqa: B009  # mypy knows only Record
            assert faults == [
                Fault(2, "customer", "is missing", None),
                Fault(3, "visibility", "is none of private, count, named", "all"),
            ]

    def test_columns_that_an_older_version_did_not_write_take_their_default(self, bought: Path) -> None:
        rewritten(bought, lambda table: table.drop_columns(["gift", "visibility", "quantity"]))
        records, faults = read(bought, Purchase, "parquet")
        assert records[1] == Purchase(id="1", customer="a", product="p", price=1, at=1)
        assert faults == []

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda table: table.drop_columns(["customer"]), "no column 'customer', which all purchases have"),
            (
                lambda table: table.append_column("mood", pa.array(["a", "b", "c"])),
                "the column 'mood'.*version of Kith",
            ),
            (lambda table: table.append_column("gift", table["gift"]), "the column 'gift'.*twice"),
            (with_column("quantity", ["1", "2", "3"], pa.string()), "holds string in 'quantity' instead of int64"),
            (with_column("at", [1, 2, 3], pa.int64()), r"holds int64 in 'at' instead of timestamp\[us, tz=UTC\]"),
            (with_column("price", [1, 2, 3], pa.decimal128(19, 3)), r"decimal128\(19, 3\) in 'price' instead of"),
        ],
    )
    def test_other_columns_than_ours_are_refused_whole(self, bought: Path, change: Change, said: str) -> None:
        rewritten(bought, change)
        with pytest.raises(Refused, match=rf"purchases\.parquet.*{said}"):
            read(bought, Purchase, "parquet")

    @pytest.mark.parametrize("kept", [0, 3, 100, -1, -200])
    def test_one_that_is_cut_short_is_damaged(self, bought: Path, kept: int) -> None:
        bought.write_bytes(bought.read_bytes()[:kept])
        with pytest.raises(Damaged, match=r"purchases\.parquet cannot be read .*export again"):
            read(bought, Purchase, "parquet")

    def test_text_that_is_not_utf_8_is_damaged(self, bought: Path) -> None:
        bad = pa.array([b"\xff", b"a", b"b"], pa.binary()).view(pa.string())
        rewritten(bought, lambda table: table.set_column(0, pa.field("id", pa.string()), bad))
        with pytest.raises(Damaged, match="cannot be read"):
            read(bought, Purchase, "parquet")

    def test_a_decimal_beyond_64_bits_is_damaged(self, bought: Path) -> None:
        rewritten(bought, with_column("price", [Decimal("99999999999999999.99")] * 3, pa.decimal128(19, 2)))
        with pytest.raises(Damaged, match="cannot be read"):
            read(bought, Purchase, "parquet")


class TestRows:
    def test_each_record_is_a_dictionary_without_what_is_not_known(self) -> None:
        columns = Columns.of(Product, [Product(id="p", price=5), Product(id="q", name="Q")])
        first, second = rows_of(columns, 2)
        assert (first["price"], "name" in first, second["name"], "price" in second) == ("0.05", False, "Q", False)

    @pytest.mark.parametrize("cell", ["=1+1", "+44", "-OZ-", "@x", "\t=1", "\r=1", "\n=1"])
    def test_formulas_are_defused(self, cell: str) -> None:
        assert defuse(cell) == "'" + cell

    def test_plain_cells_stay(self) -> None:
        assert [defuse(cell) for cell in ("", "a=b", "1.5", "naïve")] == ["", "a=b", "1.5", "naïve"]

    @pytest.mark.parametrize("format", FORMATS)
    def test_a_moment_beyond_the_calendar_can_be_written(self, tmp_path: Path, format: str) -> None:
        far = Purchase(id="1", customer="a", product="p", at=2**62)
        assert written(tmp_path / "file", Purchase, format, [far]) == 1

    def test_csv_is_not_read_back(self) -> None:
        assert set(FORMATS) - set(EXACT) == {"csv"}
