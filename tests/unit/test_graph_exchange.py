"""The graph for other programs."""

import csv
import json
from pathlib import Path

import networkx as nx
import pyarrow.parquet as pq
import pytest

from graph.errors import Invalid
from graph.exchange import FORMATS, export, to_networkx
from graph.records import Consent, Customer, Friendship, Product, Purchase
from graph.schema import KINDS
from graph.stores.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.write(
        [
            Customer(id="a", name="=cmd()"),
            Customer(id="b", name="Bo"),
            Product(id="p", name="-OZ-", price=1250),
            Friendship.between("a", "b", 1_700_000_000_000_000),
            Purchase(id="1", customer="a", product="p", at=0, gift=True),
            Consent(id="k", customer="a", purpose="named", granted=True),
        ]
    )
    return store


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_folder_says_what_it_holds(store: MemoryStore, tmp_path: Path, format: str) -> None:
    counts = export(store, tmp_path / "out", format, digits=3)
    said = json.loads((tmp_path / "out/export.json").read_text())
    assert (said["kith_export"], said["format"], said["currency_digits"]) == (1, format, 3)
    assert {table: file["records"] for table, file in said["kinds"].items()} == counts
    names = {f"{kind.table}.{format}" for kind in KINDS.values()} | {"export.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


def test_csv_is_readable_by_people_and_harmless_in_a_spreadsheet(store: MemoryStore, tmp_path: Path) -> None:
    counts = export(store, tmp_path / "out", "csv")
    assert (counts["customers"], counts["friends"], counts["likes"]) == (2, 1, 0)
    products = table(tmp_path / "out/products.csv")
    assert (products[0]["name"], products[0]["price"], products[0]["available"]) == ("'-OZ-", "12.50", "true")
    customers = table(tmp_path / "out/customers.csv")
    assert customers[0]["name"] == "'=cmd()"
    friends = table(tmp_path / "out/friends.csv")
    assert friends == [{"customer": "a", "friend": "b", "since": "2023-11-14T22:13:20Z"}]


def test_json_lines_are_exact(store: MemoryStore, tmp_path: Path) -> None:
    export(store, tmp_path / "out", "jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out/customers.jsonl").read_text().splitlines()]
    assert rows == [{"id": "a", "name": "=cmd()"}, {"id": "b", "name": "Bo"}]


def test_parquet_has_typed_columns_even_without_rows(store: MemoryStore, tmp_path: Path) -> None:
    export(store, tmp_path / "out", "parquet")
    assert pq.read_table(tmp_path / "out/products.parquet").to_pylist()[0]["name"] == "-OZ-"
    assert pq.read_table(tmp_path / "out/reviews.parquet").num_rows == 0
    assert str(pq.read_schema(tmp_path / "out/reviews.parquet").field("rating").type) == "double"


@pytest.mark.parametrize(("format", "read"), [("graphml", nx.read_graphml), ("gexf", nx.read_gexf)])
def test_graph_formats_are_read_back_by_networkx(store: MemoryStore, tmp_path: Path, format: str, read: object) -> None:
    assert export(store, tmp_path / f"g.{format}", format) == {"nodes": 3, "edges": 2}
    graph = read(tmp_path / f"g.{format}")
    assert sorted(graph.nodes) == ["customer:a", "customer:b", "product:p"]
    assert graph.nodes["product:p"]["name"] == "-OZ-"


def test_networkx_edges_carry_type_and_properties(store: MemoryStore) -> None:
    graph = to_networkx(store)
    (bought,) = graph.get_edge_data("customer:a", "product:p").values()
    assert (bought["kind"], bought["gift"], bought["at"]) == ("BOUGHT", True, "1970-01-01T00:00:00Z")
    assert graph.nodes["customer:a"]["consents.named"] is True


@pytest.mark.parametrize("format", FORMATS)
def test_a_moment_beyond_the_calendar_is_written_as_the_number_it_is(tmp_path: Path, format: str) -> None:
    store, far = MemoryStore(), 2**62
    store.write(
        [Purchase(id="1", customer="a", product="p", at=far), Purchase(id="2", customer="a", product="p", at=0)]
    )
    export(store, tmp_path / "out", format)
    file = tmp_path / "out"
    texts = [each.read_bytes() for each in (file.iterdir() if file.is_dir() else [file])]
    assert any((str(far).encode() if format != "parquet" else far.to_bytes(8, "little")) in text for text in texts)


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_that_exists_is_overwritten(store: MemoryStore, tmp_path: Path, format: str) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/file").write_text("precious")
    with pytest.raises(Invalid, match="exists"):
        export(store, tmp_path / "old", format)


def test_an_unknown_format_names_the_known_ones(store: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="csv, jsonl, parquet, graphml, gexf"):
        export(store, tmp_path / "x", "xlsx")
