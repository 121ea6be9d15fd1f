"""``kith load``, ``export``, ``forget``, ``backup``, ``restore`` and ``keys``, as a script calls them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import stat
from pathlib import Path

import pytest

from graph.records import Consent, Customer, Purchase, Record
from graph.schema import KINDS as SCHEMA
from graph.stores import open_store
from tests.unit.conftest import KINDS, Done, Kith

STORE = "sqlite:///own.db"
PURCHASES = "customer,product,at\nc1,p1,2026-01-01\nc2,p1,2026-01-02\n"


def read(kind: type[Record], store: str = STORE) -> list[Record]:
    opened = open_store(store)
    try:
        return [record for batch in opened.read(kind) for record in batch.records()]
    finally:
        opened.close()


def counts(report: dict[str, int]) -> tuple[int, ...]:
    return tuple(report[name] for name in ("read", "changed", "unchanged", "repeated", "rejected"))


def load(kith: Kith, *arguments: object) -> Done:
    return kith("--store", STORE, "load", *arguments)


@pytest.fixture
def purchases(tmp_path: Path) -> Path:
    file = tmp_path / "purchases.csv"
    file.write_text(PURCHASES)
    return file


class TestLoad:
    def test_every_row_is_accounted_for_and_a_second_load_changes_nothing(self, kith: Kith, files: Path) -> None:
        given = [part for kind in KINDS for part in (f"--{kind}", files / f"{kind}.csv")]
        first, second = (load(kith, *given, "--json") for _ in range(2))
        assert (first.code, second.code) == (0, 0)
        rows = {kind: len((files / f"{kind}.csv").read_text().splitlines()) - 1 for kind in KINDS}
        for one, two in zip(first.json["files"], second.json["files"], strict=True):
            assert counts(one) == (rows[one["kind"]], rows[one["kind"]], 0, 0, 0)
            assert counts(two) == (rows[two["kind"]], 0, rows[two["kind"]], 0, 0)
        assert first.json["peak_memory_mb"] > 0

    def test_the_same_counts_are_told_in_words(self, kith: Kith, purchases: Path) -> None:
        purchases.write_text(PURCHASES + "c1,p1,2026-01-01\nc9,,2026-01-01\n")
        done = load(kith, "--purchases", purchases, "--create-missing")
        assert "purchases: 3 of 4 rows accepted (2 new or changed, 0 known, 1 repeated), 1 rejected" in done.out
        assert "made 2 customers that only these rows name" in done.out
        assert "line 5: product" in done.out
        assert done.code == 3

    def test_good_rows_are_kept_and_bad_ones_written_with_line_and_reason(
        self, kith: Kith, purchases: Path, tmp_path: Path
    ) -> None:
        purchases.write_text(PURCHASES + "c3,p1,someday\n,p1,2026-01-01\nc4,p1,2026-01-05\n")
        rejects = tmp_path / "rejects.csv"
        done = load(kith, "--purchases", purchases, "--create-missing", "--rejects", rejects, "--json")
        assert (done.code, done.err) == (3, "")
        assert counts(done.json["files"][0]) == (5, 3, 0, 0, 2)
        assert {purchase.customer for purchase in read(Purchase)} == {"c1", "c2", "c4"}
        found = list(csv.DictReader(io.StringIO(rejects.read_text())))
        assert [(row["line"], row["field"], row["value"]) for row in found] == [
            ("4", "at", "someday"),
            ("5", "customer", ""),
        ]
        assert all(row["reason"] for row in found)

    def test_ids_that_nothing_describes_are_rejected_unless_they_are_to_be_made(
        self, kith: Kith, purchases: Path
    ) -> None:
        refused = load(kith, "--purchases", purchases, "--json")
        assert (refused.code, counts(refused.json["files"][0])) == (3, (2, 0, 0, 0, 2))
        assert read(Purchase) == read(Customer) == []
        made = load(kith, "--purchases", purchases, "--create-missing", "--json")
        assert (made.code, made.json["files"][0]["created"]) == (0, {"customers": 2, "products": 1})

    def test_a_mapping_names_the_columns_of_the_file(self, kith: Kith, tmp_path: Path) -> None:
        (tmp_path / "orders.csv").write_text("who,what,day\nc1,p1,2026-01-01\n")
        given = ("--purchases", "orders.csv", "--create-missing")
        mapped = load(kith, *given, "--map", "customer=who", "--map", "purchases.product=what", "--map", "at=day")
        assert mapped.code == 0
        assert [(purchase.customer, purchase.product) for purchase in read(Purchase)] == [("c1", "p1")]
        plain = load(kith, *given)
        assert (plain.code, "customer" in plain.err) == (1, True)

    @pytest.mark.parametrize("mapping", ["customer", "=who", "customer=", "buyer=customer", "customer=nowhere"])
    def test_a_mapping_that_cannot_be_meant_is_named(self, kith: Kith, purchases: Path, mapping: str) -> None:
        done = load(kith, "--purchases", purchases, "--create-missing", "--map", mapping)
        assert done.code in (1, 2)
        assert max(mapping.split("="), key=len) in done.err
        assert read(Purchase) == []

    def test_consent_is_stated_for_everybody_named_and_only_for_purposes_that_exist(
        self, kith: Kith, purchases: Path
    ) -> None:
        wrong = load(kith, "--purchases", purchases, "--create-missing", "--assume-consent", "everything")
        assert (wrong.code, "social_proof" in wrong.err) == (2, True)
        assert read(Purchase) == []
        given = ("--assume-consent", "social_proof", "--assume-consent", "named")
        assert load(kith, "--purchases", purchases, "--create-missing", *given).code == 0
        agreed = {(consent.customer, consent.purpose) for consent in read(Consent) if consent.granted}
        assert agreed == {(customer, purpose) for customer in ("c1", "c2") for purpose in ("social_proof", "named")}

    def test_columns_that_nothing_reads_are_named_once(self, kith: Kith, purchases: Path) -> None:
        purchases.write_text("customer,product,mood\nc1,p1,good\nc2,p1,bad\n")
        done = load(kith, "--purchases", purchases, "--create-missing")
        assert (done.code, done.out.count("mood")) == (0, 1)

    @pytest.mark.parametrize("name", ["nowhere.csv", "orders.xls", "folder"])
    def test_what_is_no_file_of_ours_is_refused_whole(
        self, kith: Kith, purchases: Path, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "orders.xls").write_bytes(b"\xd0\xcf\x11\xe0")
        done = load(kith, "--purchases", purchases, "--likes", name, "--create-missing")
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert name in done.err
        assert read(Purchase) == []

    def test_nothing_to_load_is_2_and_shows_how(self, kith: Kith) -> None:
        done = load(kith)
        assert (done.code, "--purchases purchases.csv" in done.err) == (2, True)


class TestLoadGraph:
    @pytest.mark.parametrize("format", ["jsonl", "parquet"])
    def test_the_whole_graph_of_a_shop_moves_and_a_second_load_changes_nothing(
        self, kith: Kith, shop: Path, format: str
    ) -> None:
        exported = kith("export", "out", "--format", format, "--json").json
        first, second = (load(kith, "--graph", "out", "--json") for _ in range(2))
        assert (first.code, first.err, second.code) == (0, "", 0)
        assert {report["kind"]: report["changed"] for report in first.json["files"]} == exported
        assert {report["unchanged"] for report in second.json["files"]} == set(exported.values())
        for kind in SCHEMA:
            assert set(read(kind)) == set(read(kind, f"sqlite:///{shop}/shop.db"))

    def test_it_is_told_in_words_for_each_kind_that_there_is(self, kith: Kith, shop: Path) -> None:
        kith("export", "out", "--format", "jsonl")
        done = load(kith, "--graph", "out")
        assert "products: 100 of 100 rows accepted (100 new or changed, 0 known, 0 repeated), 0 rejected" in done.out
        assert "clicks" not in done.out
        assert "next: kith train" in done.out

    def test_bad_rows_are_named_and_the_good_ones_kept(self, kith: Kith, shop: Path, tmp_path: Path) -> None:
        kith("export", "out", "--format", "jsonl")
        file, manifest = tmp_path / "out/consents.jsonl", tmp_path / "out/export.json"
        file.write_text(file.read_text().replace('"named"', '"nonsense"', 1))
        said = json.loads(manifest.read_text())
        said["kinds"]["consents"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(said))
        done = load(kith, "--graph", "out", "--rejects", "rejects.csv")
        assert done.code == 3
        line = next(n for n, row in enumerate(file.read_text().splitlines(), 1) if "nonsense" in row)
        assert f"line {line}: purpose is none of personalisation, social_proof" in done.out
        assert len(read(Consent)) == said["kinds"]["consents"]["records"] - 1
        (row,) = csv.DictReader(io.StringIO((tmp_path / "rejects.csv").read_text()))
        assert (row["file"], row["line"], row["field"], row["value"]) == (
            *("out/consents.jsonl", str(line), "purpose", "nonsense"),
        )

    @pytest.mark.parametrize(
        ("more", "named"),
        [
            (["--purchases", "purchases.csv"], "--purchases"),
            (["--create-missing"], "--create-missing"),
            (["--assume-consent", "named"], "--assume-consent"),
            (["--customers", "x.csv", "--map", "id=no"], "--customers, --map"),
        ],
    )
    def test_it_does_not_go_with_what_is_about_files_of_a_shop(self, kith: Kith, more: list[str], named: str) -> None:
        done = load(kith, "--graph", "out", *more)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert f"--graph takes a whole graph as it is: leave out {named}, or" in done.err

    def test_what_is_no_whole_export_is_refused_in_one_sentence_and_nothing_is_stored(
        self, kith: Kith, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kith("export", "cut", "--format", "parquet")
        kith("export", "sheet", "--format", "csv")
        kith("export", "euros", "--format", "parquet")
        (tmp_path / "empty").mkdir()
        file = tmp_path / "cut/purchases.parquet"
        file.write_bytes(file.read_bytes()[:-100])
        monkeypatch.setenv("KITH_CURRENCY", "JPY")
        for folder, why in {
            "nowhere": "there is no folder nowhere",
            "empty": "empty has no export.json",
            "sheet": "sheet holds CSV.* --format parquet or --format jsonl",
            "euros": "2 digits after the point, and the currency of this shop has 0",
        }.items():
            done = load(kith, "--graph", folder)
            assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
            assert re.search(why, done.err)
        monkeypatch.delenv("KITH_CURRENCY")
        done = load(kith, "--graph", "cut")
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert "cut/purchases.parquet has changed since it was exported" in done.err
        assert read(Customer) == []


class TestForget:
    def test_a_forgotten_customer_is_in_no_store_export_or_answer(self, kith: Kith, shop: Path, tmp_path: Path) -> None:
        before = kith("recommend", "c5", "--json").json
        done = kith("forget", "c5", "--yes", "--json")
        assert (done.code, done.json["customer"]) == (0, "c5")
        assert done.json["removed"]["customers"] == 1
        assert done.json["removed"]["purchases"] > 0
        assert kith("export", "out", "--format", "jsonl").code == 0
        assert kith("train").code == 0
        rows = [
            row for file in (tmp_path / "out").glob("*.jsonl") for row in map(json.loads, file.read_text().splitlines())
        ]
        assert len(rows) > 1000
        assert not [row for row in rows if "c5" in (row.get("id"), row.get("customer"), row.get("friend"))]
        friends = [
            friend["customer"]
            for item in kith("recommend", "c1", "-n", "100", "--json").json["items"]
            for reason in item["reasons"]
            for friend in reason.get("friends", ())
        ]
        assert "c5" not in friends
        after = kith("recommend", "c5", "--json").json
        assert before["items"] != after["items"]
        assert {item["source"] for item in after["items"]} <= {"popular", "trending"}

    def test_it_asks_first_and_a_no_changes_nothing(
        self, kith: Kith, shop: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for answer in ("n\n", "\n", ""):
            monkeypatch.setattr("sys.stdin", io.StringIO(answer))
            done = kith("forget", "c5")
            assert (done.code, done.out.strip()) == (1, "")
            assert "Erase c5 for good?" in done.err
        assert [customer for customer in read(Customer, f"sqlite:///{shop}/shop.db") if customer.id == "c5"]
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
        assert "erased c5" in kith("forget", "c5").out

    def test_somebody_unknown_is_said_to_be_unknown(self, kith: Kith, shop: Path) -> None:
        done = kith("forget", "nobody", "--yes")
        assert (done.code, done.out) == (0, "nothing was known of nobody\n")


class TestExport:
    @pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
    def test_what_is_exported_can_be_loaded_as_the_same_shop(
        self, kith: Kith, shop: Path, tmp_path: Path, format: str
    ) -> None:
        done = kith("export", "out", "--format", format, "--json")
        assert done.code == 0
        files = {kind: tmp_path / "out" / f"{kind}.{format}" for kind in KINDS}
        given = [part for kind, file in files.items() for part in (f"--{kind}", file)]
        again = load(kith, *given, "--json")
        assert (again.code, again.err) == (0, "")
        found = {report["kind"]: report["accepted"] for report in again.json["files"]}
        assert found == {kind: done.json[kind] for kind in files}
        assert sorted(read(Customer), key=str) == sorted(read(Customer, f"sqlite:///{shop}/shop.db"), key=str)

    @pytest.mark.parametrize("format", ["graphml", "gexf"])
    def test_a_graph_is_one_file(self, kith: Kith, shop: Path, tmp_path: Path, format: str) -> None:
        done = kith("export", f"shop.{format}", "--format", format, "--json")
        assert (done.code, done.json["nodes"]) == (0, 300)
        assert "customer:c1" in (tmp_path / f"shop.{format}").read_text(encoding="utf-8")

    def test_an_unknown_format_and_a_target_that_exists_are_2(self, kith: Kith, shop: Path, tmp_path: Path) -> None:
        wrong = kith("export", "out", "--format", "xlsx")
        assert (wrong.code, "graphml" in wrong.err, (tmp_path / "out").exists()) == (2, True, False)
        (tmp_path / "out").write_text("mine")
        taken = kith("export", "out")
        assert (taken.code, "out exists" in taken.err, (tmp_path / "out").read_text()) == (2, True, "mine")


class TestBackup:
    def test_the_drill_gives_the_same_answers(self, kith: Kith, shop: Path) -> None:
        made = kith("backup", "safe/shop.tar", "--json")
        assert (made.code, made.json["bytes"]) == (0, Path("safe/shop.tar").stat().st_size)
        there = ("--store", "sqlite:///drill/again.db")
        restored = kith(*there, "restore", "safe/shop.tar")
        assert (restored.code, "drill/again.db; next: kith doctor" in restored.out) == (0, True)
        assert "failed" not in {finding["state"] for finding in kith(*there, "doctor", "--json").json}
        assert kith(*there, "recommend", "c1", "--json").json == kith("recommend", "c1", "--json").json
        assert kith(*there, "models", "list", "--json").json == kith("models", "list", "--json").json

    def test_nothing_that_exists_is_replaced(self, kith: Kith, shop: Path) -> None:
        assert kith("backup", "shop.tar").code == 0
        again, over = kith("backup", "shop.tar"), kith("restore", "shop.tar")
        assert (again.code, "shop.tar exists" in again.err) == (2, True)
        assert (over.code, "exists: move it away" in over.err) == (1, True)

    def test_a_file_that_is_missing_or_no_backup_is_1(self, kith: Kith, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("not a backup")
        for name in ("nowhere.tar", "notes.txt"):
            done = kith("--store", STORE, "restore", name)
            assert (done.code, name in done.err, (tmp_path / "own.db").exists()) == (1, True, False)


class TestKeys:
    def test_a_key_is_shown_once_listed_without_its_secret_and_ended(self, kith: Kith, shop: Path) -> None:
        made = kith("keys", "create", "web shop", "--scope", "storefront", "--scope", "analyst", "--json").json
        assert (made["name"], made["scopes"], made["revoked"]) == ("web shop", "storefront,analyst", None)
        listed = kith("keys", "list", "--json")
        assert listed.json == [{name: value for name, value in made.items() if name != "key"}]
        assert made["key"][14:] not in listed.out
        ended = kith("keys", "revoke", made["id"], "--json").json
        assert ended["revoked"] is not None
        assert kith("keys", "list", "--json").json == [ended]
        assert stat.S_IMODE((shop / "shop.db.d/keys.json").stat().st_mode) == 0o600

    def test_in_words_the_first_line_is_the_key_alone(self, kith: Kith, shop: Path) -> None:
        key, advice = kith("keys", "create", "web", "--scope", "admin").out.splitlines()
        assert len(key) == 86
        assert f"kith keys revoke {key[5:13]}" in advice
        assert key[5:13] in kith("keys", "list").out

    def test_unknown_ids_are_1_and_unknown_scopes_2(self, kith: Kith, shop: Path) -> None:
        gone = kith("keys", "revoke", "12345678")
        assert (gone.code, "kith keys list" in gone.err) == (1, True)
        wrong = kith("keys", "create", "web", "--scope", "root")
        assert (wrong.code, "storefront" in wrong.err) == (2, True)
        assert kith("keys", "list", "--json").json == []
