"""A whole graph into a store: in which order, in which portions, what the report says, and what a bad row costs."""

from __future__ import annotations

import csv
import hashlib
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graph.columns import Columns
from graph.errors import Damaged, Unavailable
from graph.exchange import export
from graph.export_folder import MANIFEST
from graph.records import Click, Consent, Customer, Friendship, Product, Purchase, Record
from graph.schema import KINDS
from graph.store import Facts, Written
from graph.stores.memory import MemoryStore
from graph.stores.sqlite import SqliteStore
from graph.tables import EXACT
from loaders.report import LoadReport
from loaders.whole_graph import GraphOptions, load_graph
from tests.moving import assert_moves, exact, verified
from tests.records import FACTS, bought, everything

SWIFT = GraphOptions(pause=0.0)


class Noting(MemoryStore):
    """A store that remembers the size of each write; after ``limit`` of them it fails."""

    def __init__(self, limit: int = 1000) -> None:
        super().__init__()
        self.writes: list[tuple[type[Record], int]] = []
        self._limit = limit

    def write(self, facts: Facts) -> Written:
        if len(self.writes) == self._limit:
            raise Unavailable("the store is away")
        assert isinstance(facts, Columns)
        self.writes.append((facts.kind, len(facts)))
        return super().write(facts)


@pytest.fixture
def source() -> MemoryStore:
    store = MemoryStore()
    store.write([*FACTS, *(bought(f"more-{n}", f"c{n}") for n in range(12))])
    return store


def exported(source: MemoryStore, folder: Path, format: str = "jsonl") -> Path:
    export(source, folder, format)
    return folder


def spoilt(folder: Path, table: str, *rows: object) -> Path:
    """The folder with other rows in a file, and a manifest that agrees."""
    path, manifest = folder / f"{table}.jsonl", folder / MANIFEST
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = json.loads(manifest.read_text())
    said["kinds"][table] = {"records": len(rows), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    manifest.write_text(json.dumps(said))
    return folder


def by_kind(reports: list[LoadReport]) -> dict[str, LoadReport]:
    return {report.kind: report for report in reports}


@pytest.mark.parametrize("format", EXACT)
class TestMoving:
    def test_every_record_of_every_kind_arrives(self, source: MemoryStore, tmp_path: Path, format: str) -> None:
        assert {type(record) for record in everything(source)} == set(KINDS)
        with closing(SqliteStore(tmp_path / "shop.db")) as target:
            assert_moves(source, target, tmp_path / "there", format)
            assert_moves(target, MemoryStore(), tmp_path / "back", format, chunk_rows=1)

    def test_an_empty_graph_moves_too(self, tmp_path: Path, format: str) -> None:
        assert_moves(MemoryStore(), MemoryStore(), tmp_path / "out", format)

    def test_hashes_bare_records_and_friends_in_any_order_are_taken_as_they_are(
        self, tmp_path: Path, format: str
    ) -> None:
        source, target = MemoryStore(), MemoryStore()
        source.write(
            [Customer(id="z", email="0f3a", phone="Ab="), Friendship(customer="z", friend="a"), bought("1", "n")]
        )
        assert_moves(source, target, tmp_path / "out", format)
        assert target.get(Customer, ("z",)) == Customer(id="z", email="0f3a", phone="Ab=")
        assert target.get(Product, ("p",)) == Product(id="p", described=False)
        assert target.get(Friendship, ("z", "a")) is not None

    def test_who_and_what_come_before_what_they_did_in_transactions_of_the_size_asked_for(
        self, source: MemoryStore, tmp_path: Path, format: str
    ) -> None:
        target, folder = Noting(), verified(exported(source, tmp_path / "out", format))
        load_graph(folder, target, options=GraphOptions(chunk_rows=5, pause=0.0))
        assert list(dict.fromkeys(kind for kind, _ in target.writes)) == list(KINDS)
        assert [size for kind, size in target.writes if kind is Purchase] == [5, 5, 3]
        assert [size for kind, size in target.writes if kind is Customer] == [5, 5, 5]

    def test_a_load_that_broke_off_is_simply_run_again(self, source: MemoryStore, tmp_path: Path, format: str) -> None:
        folder = verified(exported(source, tmp_path / "out", format))
        target = Noting(limit=6)
        with pytest.raises(Unavailable):
            load_graph(folder, target, options=GraphOptions(chunk_rows=5, pause=0.0))
        whole = MemoryStore()
        whole.write(everything(target))
        assert everything(whole) < everything(source)
        reports = load_graph(folder, whole, options=SWIFT)
        assert exact(whole) == exact(source)
        assert by_kind(reports)["customers"].unchanged > 0

    def test_what_another_store_holds_besides_stays_and_the_newest_entity_wins(
        self, tmp_path: Path, format: str
    ) -> None:
        source, target = MemoryStore(), MemoryStore()
        source.write([Product(id="p", name="new"), bought("1", "a"), bought("2", "a")])
        target.write([Product(id="p", name="old"), bought("2", "b"), bought("3", "c")])
        reports = by_kind(load_graph(verified(exported(source, tmp_path / "out", format)), target, options=SWIFT))
        assert target.get(Product, ("p",)) == Product(id="p", name="new")
        assert {(each.id, each.customer) for each in everything(target) if isinstance(each, Purchase)} == {
            *(("1", "a"), ("2", "b"), ("3", "c")),
        }
        assert (reports["purchases"].accepted, reports["purchases"].changed, reports["purchases"].unchanged) == (
            2,
            1,
            1,
        )


class TestReports:
    def test_there_is_one_per_kind_with_counts_that_add_up(self, source: MemoryStore, tmp_path: Path) -> None:
        folder = verified(exported(source, tmp_path / "out"))
        reports = load_graph(folder, MemoryStore(), options=SWIFT)
        assert [report.kind for report in reports] == [kind.table for kind in KINDS.values()]
        assert {report.kind: report.read for report in reports} == dict(source.check().counts)
        for report in reports:
            assert report.file == str(tmp_path / "out" / f"{report.kind}.jsonl")
            assert report.read == report.accepted == report.changed
            assert (report.rejected, report.repeated, report.created) == (0, 0, {})

    def test_progress_counts_records_up_to_all_of_them(self, source: MemoryStore, tmp_path: Path) -> None:
        told: list[tuple[int, int]] = []
        folder = verified(exported(source, tmp_path / "out"))
        load_graph(folder, MemoryStore(), options=SWIFT, on_progress=lambda done, of: told.append((done, of)))
        assert told == sorted(told)
        assert {of for _, of in told} == {folder.records}
        assert told[-1] == (folder.records, folder.records)

    def test_a_pause_lets_others_in_between_transactions(
        self, source: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paused: list[float] = []
        monkeypatch.setattr("loaders.whole_graph.time.sleep", paused.append)
        folder, target = verified(exported(source, tmp_path / "out")), Noting()
        load_graph(folder, target, options=GraphOptions(chunk_rows=5, pause=0.25))
        assert paused == [0.25] * len(target.writes)


CONSENT: dict[str, Any] = {"id": "1", "customer": "a", "purpose": "named", "granted": True}


class TestBadRows:
    def test_they_are_reported_with_line_field_and_reason_and_the_good_ones_are_kept(
        self, source: MemoryStore, tmp_path: Path
    ) -> None:
        rows = [CONSENT, CONSENT | {"id": "2", "purpose": "fun"}, {"id": "3"}, CONSENT | {"id": "4"}]
        folder = spoilt(exported(source, tmp_path / "out"), "consents", *rows)
        target, options = MemoryStore(), GraphOptions(rejects=tmp_path / "rejects.csv", pause=0.0)
        report = by_kind(load_graph(verified(folder), target, options=options))["consents"]
        assert (report.read, report.accepted, report.changed, report.rejected) == (4, 2, 2, 2)
        assert [(row.line, row.field, row.value) for row in report.rejects] == [
            (2, "purpose", "fun"),
            (3, "customer", ""),
        ]
        assert {each.id for each in everything(target) if isinstance(each, Consent)} == {"1", "4"}
        with (tmp_path / "rejects.csv").open(newline="") as file:
            kept = [(row["file"], row["line"], row["field"], row["value"]) for row in csv.DictReader(file)]
        path = str(folder / "consents.jsonl")
        assert kept == [(path, "2", "purpose", "fun"), (path, "3", "customer", "")]

    def test_the_report_shows_the_first_ones_and_counts_all(self, source: MemoryStore, tmp_path: Path) -> None:
        folder = spoilt(exported(source, tmp_path / "out"), "clicks", *({"id": n} for n in range(50)))
        options = GraphOptions(chunk_rows=7, shown=20, pause=0.0)
        report = by_kind(load_graph(verified(folder), MemoryStore(), options=options))["clicks"]
        assert (report.read, report.accepted, report.rejected) == (50, 0, 50)
        assert [row.line for row in report.rejects] == list(range(1, 21))

    def test_a_value_that_would_steer_a_terminal_is_quoted(self, source: MemoryStore, tmp_path: Path) -> None:
        folder = spoilt(
            exported(source, tmp_path / "out"), "clicks", {"id": "1", "customer": "a", "product": ["\x1b[2J"]}
        )
        assert not [each for each in everything(source) if isinstance(each, Click) and each.id == "1"]
        (row,) = by_kind(load_graph(verified(folder), MemoryStore(), options=SWIFT))["clicks"].rejects
        assert (row.line, row.field, row.reason, row.value) == (1, "product", "is no text", "(list)")

    def test_a_file_with_another_number_of_rows_than_its_manifest_says_is_damaged(
        self, source: MemoryStore, tmp_path: Path
    ) -> None:
        folder = exported(source, tmp_path / "out")
        said = json.loads((folder / MANIFEST).read_text())
        said["kinds"]["purchases"]["records"] = 1_000
        (folder / MANIFEST).write_text(json.dumps(said))
        with pytest.raises(Damaged, match=r"purchases\.jsonl has 13 rows where export\.json says 1,000"):
            load_graph(verified(folder), MemoryStore(), options=SWIFT)
