"""The files for Neo4j's importer, without a server: what is in them, numbered and counted as the store itself would."""

from __future__ import annotations

import csv
import math
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns import Columns
from graph.errors import Invalid, Unavailable
from graph.records import Block, Consent, Customer, Friendship, Like, Product, Purchase, Record, Review, View
from graph.schema import KINDS, kind_of
from graph.stores.memory import MemoryStore
from graph.stores.neo4j_forms import ALL_FORMS, camel, stamp
from graph.stores.neo4j_import import ROWS, ImportFiles
from graph.stores.neo4j_place import Place, Tally
from tests.records import FACTS, bought, records_of

Row = dict[str, str]


@pytest.fixture
def files(tmp_path: Path) -> ImportFiles:
    return ImportFiles(tmp_path)


def rows(folder: Path, name: str) -> list[Row]:
    """A file as the importer would read it: a quote is doubled, a quoted value may have several lines."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def place(folder: Path) -> Place:
    """The state of the store, as it would be read from the graph."""
    ((row,),) = [rows(folder, "KithPlace")]
    state: dict[str, object] = {}
    for header, value in row.items():
        name, _, type = header.partition(":")
        if type == "long":
            state[name] = int(value)
        elif type == "long[]":
            state[name] = [int(part) for part in value.split(";")]
        else:
            state[name] = value.split(";") if type == "string[]" else value
    return Place.of(state)


def numbers(folder: Path) -> list[int]:
    """The number of every node of every file."""
    found = []
    for file in folder.glob("*.csv"):
        if ":ID" in (read := rows(folder, file.stem))[0]:
            found += [int(row[":ID"]) for row in read]
    return found


class TestWhatALoadAsks:
    def test_what_is_written_counts_as_in_every_other_store(self, files: ImportFiles) -> None:
        store = MemoryStore()
        again = [Product(id="p", name="Boot"), bought("2", "b"), bought("2"), Customer(id="b")]
        for facts in (FACTS, FACTS, again, []):
            assert files.write(facts).changed == store.write(facts).changed
        assert files.counts == store.check().counts

    def test_the_place_goes_forward_as_in_the_database(self, files: ImportFiles) -> None:
        assert files.write([Customer(id="a"), Customer(id="b")]).cursor == 2
        assert files.write([bought("1", "a", "p")]).cursor == 4, "the product takes a place of its own"
        assert files.write([bought("1", "a", "p")]).cursor == 4

    def test_the_ids_of_customers_and_products_are_known(self, files: ImportFiles) -> None:
        assert [list(batch["id"]) for batch in files.read(Customer, columns=("id",))] == [[]]
        files.write([Customer(id="b"), bought("1", "a", "p"), Friendship(customer="b", friend="c")])
        assert [list(batch["id"]) for batch in files.read(Customer, columns=("id",))] == [["b", "a", "c"]]
        assert [list(batch["id"]) for batch in files.read(Product, columns=("id",))] == [["p"]]

    def test_what_the_database_could_not_hold_is_refused_as_it_would_be(self, files: ImportFiles) -> None:
        for record in (Customer(id="\ud800"), Customer(id="x" * 4_001), Customer(id="a", birth_year=2**63)):
            with pytest.raises(Invalid, match="customers cannot be stored"):
                files.write([record])
        assert not any(files.counts.values())

    @given(st.lists(st.one_of(*(records_of(kind) for kind in KINDS.values())), max_size=8))
    def test_any_facts_are_counted_as_in_memory(
        self, tmp_path_factory: pytest.TempPathFactory, facts: list[Record]
    ) -> None:
        store, folder = MemoryStore(), tmp_path_factory.mktemp("files")
        with closing(ImportFiles(folder)) as files:
            assert files.write(facts).changed == store.write(facts).changed
            files.finish()
        assert files.counts == store.check().counts
        found = place(folder)
        assert sum(tally.count for tally in found.tallies.values()) == sum(files.counts.values())
        assert sorted(numbers(folder)) == list(range(len(numbers(folder)))), "the nodes are numbered without a gap"


class TestEvents:
    def test_the_first_one_of_an_id_stands_within_a_write_and_after_it(
        self, files: ImportFiles, tmp_path: Path
    ) -> None:
        files.write([bought("1", quantity=1), bought("2", quantity=2), bought("1", quantity=3)])
        files.write([bought("3", quantity=4), bought("2", quantity=5), bought("3", quantity=6)])
        files.finish()
        assert [(row["id:string"], row["quantity:long"]) for row in rows(tmp_path, "BOUGHT")] == [
            ("1", "1"),
            ("2", "2"),
            ("3", "4"),
        ]

    def test_those_that_vary_share_their_ids_and_lie_in_a_file_each(self, files: ImportFiles, tmp_path: Path) -> None:
        opinions = [Like(id="1", customer="a", product="p"), Like(id="2", customer="a", product="p", opinion="dislike")]
        files.write([*opinions, Like(id="1", customer="a", product="p", opinion="unlike")])
        files.finish()
        assert [row["seq:long"] for row in rows(tmp_path, "LIKES")] == ["3"]
        assert [row["seq:long"] for row in rows(tmp_path, "DISLIKES")] == ["4"]
        assert not (tmp_path / "UNLIKED.csv").exists()
        assert "opinion:string" not in rows(tmp_path, "LIKES")[0]

    def test_their_ends_are_made_bare_and_in_order_of_their_ids(self, files: ImportFiles, tmp_path: Path) -> None:
        files.write([bought("1", "z", "q"), bought("2", "y", "p")])
        files.finish()
        assert [(row["id:string"], row["seq:long"]) for row in rows(tmp_path, "Customer")] == [("y", "1"), ("z", "2")]
        goods = rows(tmp_path, "Product")
        assert [(row["id:string"], row["described:boolean"]) for row in goods] == [("p", "false"), ("q", "false")]
        number = {row["id:string"]: row[":ID"] for name in ("Customer", "Product") for row in rows(tmp_path, name)}
        assert [(row[":START_ID"], row[":END_ID"]) for row in rows(tmp_path, "BOUGHT")] == [
            (number["z"], number["q"]),
            (number["y"], number["p"]),
        ]

    def test_a_consent_is_a_node_that_hangs_on_its_customer(self, files: ImportFiles, tmp_path: Path) -> None:
        files.write([Consent(id=f"{n}", customer="a", purpose="named", granted=n > 0, at=n) for n in range(2)])
        files.finish()
        (person,), receipts = rows(tmp_path, "Customer"), rows(tmp_path, "Consent")
        assert [(row["id:string"], row["granted:boolean"], row["at:long"]) for row in receipts] == [
            ("0", "false", "0"),
            ("1", "true", "1"),
        ]
        assert "customer:string" not in receipts[0]
        ties = [(row[":START_ID"], row[":END_ID"]) for row in rows(tmp_path, "GAVE")]
        assert ties == [(person[":ID"], row[":ID"]) for row in receipts]


class TestEntities:
    def test_the_last_one_of_a_key_wins_and_takes_a_new_place(self, files: ImportFiles, tmp_path: Path) -> None:
        files.write([Customer(id="a", name="Ann"), Customer(id="b"), Customer(id="a", name="Anna")])
        files.write([Customer(id="b", name="Bob"), Customer(id="a", name="Anna")])
        files.finish()
        people = {row["id:string"]: row for row in rows(tmp_path, "Customer")}
        assert {id: (row["name:string"], row["seq:long"]) for id, row in people.items()} == {
            "a": ("Anna", "2"),
            "b": ("Bob", "3"),
        }
        assert place(tmp_path).tallies["Customer"] == Tally(2, 5, 3)

    def test_the_stamp_is_that_of_all_values(self, files: ImportFiles, tmp_path: Path) -> None:
        files.write([Customer(id="a", name="Ann", birth_year=1980)])
        files.finish()
        (row,) = rows(tmp_path, "Customer")
        assert int(row["stamp:long"]) == stamp(("a", "Ann", 1980, None, None, None, None, None))

    def test_a_pair_is_named_by_both(self, files: ImportFiles, tmp_path: Path) -> None:
        files.write([Friendship(customer="a", friend='"ö'), Block(customer="b", other="a", at=2)])
        files.finish()
        assert [row["pair:string"] for row in rows(tmp_path, "FRIEND_OF")] == ['["a", "\\"ö"]']
        assert [(row["pair:string"], row["at:long"]) for row in rows(tmp_path, "BLOCKS")] == [('["b", "a"]', "2")]

    def test_products_of_a_category_share_its_node(self, files: ImportFiles, tmp_path: Path) -> None:
        named = [("p", "shoes"), ("q", None), ("r", "hats"), ("s", "shoes")]
        files.write([Product(id=id, category=category) for id, category in named])
        files.write([Product(id="r", category="shoes")])
        files.finish()
        ((category,),) = [rows(tmp_path, "Category")]
        assert category["name:string"] == "shoes", "a category that no product is left in is none"
        goods = {row["id:string"]: row[":ID"] for row in rows(tmp_path, "Product")}
        ties = {(row[":START_ID"], row[":END_ID"]) for row in rows(tmp_path, "IN_CATEGORY")}
        assert ties == {(goods[id], category[":ID"]) for id in "prs"}

    def test_more_than_fit_into_one_part_are_all_there(self, files: ImportFiles, tmp_path: Path) -> None:
        count = ROWS + 1
        kinds = [f"k{n % 3}" for n in range(count)]
        files.write(Columns(Product, {"id": [f"p{n}" for n in range(count)], "category": kinds}))
        files.finish()
        assert len(rows(tmp_path, "Product")) == len(rows(tmp_path, "IN_CATEGORY")) == count
        assert [row["name:string"] for row in rows(tmp_path, "Category")] == ["k0", "k1", "k2"]


class TestFiles:
    def test_every_kind_has_its_file_with_all_its_properties(self, files: ImportFiles, tmp_path: Path) -> None:
        files.write([*FACTS, *(Like(id=f"x{o}", customer="a", product="p", opinion=o) for o in ("like", "unlike"))])  # type: ignore[arg-type]
        files.finish()
        for form in ALL_FORMS:
            row = rows(tmp_path, form.name)[0]
            wanted = {form.key, "seq", *(camel(field.name) for field in form.properties)}
            wanted |= {"stamp"} if form.kind.lasting else set()
            assert {header.partition(":")[0] for header in row} - {""} == wanted, form.name

    def test_text_of_any_kind_is_quoted_and_nothing_is_not_the_empty_text(
        self, files: ImportFiles, tmp_path: Path
    ) -> None:
        odd = ['say "hi"', "two\nlines", "two\r\nlines", " around ", "a,b;c", "\\", "\N{SNOWMAN}\U0001f600", ""]
        files.write([Review(id=f"{n}", customer="a", product="p", text=text) for n, text in enumerate(odd)])
        files.write([Review(id="none", customer="a", product="p")])
        files.finish()
        assert [row["text:string"] for row in rows(tmp_path, "REVIEWED")] == [*odd, ""]
        lines = (tmp_path / "REVIEWED.csv").read_text().splitlines()
        assert (lines[-2][-2:], lines[-1][-1:]) == ('""', ","), "the empty text is quoted, nothing is not"

    def test_numbers_are_spelled_as_java_reads_them(self, files: ImportFiles, tmp_path: Path) -> None:
        weights = [0.5, 1e300, 5e-324, 0.1 + 0.2, math.inf, -math.inf, math.nan, None]
        files.write([bought(f"{n}", weight=weight) for n, weight in enumerate(weights)])
        files.write([bought("least", price=-(2**63)), bought("most", price=2**63 - 1)])
        files.finish()
        found = rows(tmp_path, "BOUGHT")
        assert [row["weight:double"] for row in found[:8]] == [
            "0.5",
            "1e+300",
            "5e-324",
            "0.30000000000000004",
            "Infinity",
            "-Infinity",
            "NaN",
            "",
        ]
        assert [row["price:long"] for row in found[8:]] == [str(-(2**63)), str(2**63 - 1)]

    def test_the_importer_is_told_of_each_file(self, files: ImportFiles, tmp_path: Path) -> None:
        files.write([Product(id="p", category="shoes"), bought("1")])
        files.finish()
        told = files.arguments
        nodes = {
            f"--nodes={label}={tmp_path}/{label}.csv" for label in ("Customer", "Product", "Category", "KithPlace")
        }
        ties = {f"--relationships={name}={tmp_path}/{name}.csv" for name in ("BOUGHT", "IN_CATEGORY")}
        assert {argument for argument in told if argument.startswith(("--nodes", "--relationships"))} == nodes | ties
        assert f"--report-file={tmp_path}/import.report" in told, "else it would lie where the command was called"
        assert files.size == sum(file.stat().st_size for file in tmp_path.glob("*.csv"))

    def test_the_state_says_what_the_files_hold(self, files: ImportFiles, tmp_path: Path) -> None:
        files.write(FACTS)
        files.write([Product(id="p", name="Boot")])
        files.finish()
        found = place(tmp_path)
        for form in ALL_FORMS:
            if (tmp_path / f"{form.name}.csv").exists():
                places = [int(row["seq:long"]) for row in rows(tmp_path, form.name)]
                tally = found.tallies[form.name]
                assert (tally.count, tally.sum) == (len(places), sum(places)), form.name
                assert tally.last == max(places)
            else:
                assert found.tallies[form.name] == Tally()
        assert found.last == found.settled == max(tally.last for tally in found.tallies.values())
        assert (found.gaps, found.removed, found.erasures, found.commits, len(found.tokens)) == (0, 0, 0, 1, 1)
        every = [int(row["seq:long"]) for form in ALL_FORMS for row in optional(tmp_path, form.name)]
        assert len(set(every)) == len(every), "no two things have one place"

    def test_a_full_disk_is_told_in_one_sentence(self, files: ImportFiles, tmp_path: Path) -> None:
        (tmp_path / "VIEWED.csv").symlink_to("/dev/full")
        views = [View(id=f"{n}", customer="a", product="p") for n in range(50_000)]
        with pytest.raises(Unavailable, match=r"VIEWED\.csv .* cannot be written: No space left on device; make room"):
            files.write(views)

    def test_a_folder_that_is_gone_is_told_as_well(self, tmp_path: Path) -> None:
        files = ImportFiles(tmp_path / "gone")
        files.write([Customer(id="a")])
        with pytest.raises(Unavailable, match="cannot be written: No such file or directory"):
            files.finish()


def optional(folder: Path, name: str) -> list[Row]:
    return rows(folder, name) if (folder / f"{name}.csv").exists() else []


def test_no_kind_is_left_out(tmp_path: Path) -> None:
    files = ImportFiles(tmp_path)
    files.write(FACTS)
    assert {table for table, count in files.counts.items() if not count} == set()
    assert set(files.counts) == {kind_of(type(record)).table for record in FACTS}
    assert files.counts["purchases"] == len([record for record in FACTS if isinstance(record, Purchase)])
