"""Loading: options, order, references, consent, reports, and what happens when something fails midway."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from graph.errors import Invalid, Refused, Unavailable
from graph.records import Consent, Customer, Friendship, Like, Product, Purchase
from graph.schema import KINDS, bare
from graph.store import Facts, Written
from graph.stores.memory import MemoryStore
from loaders.load import Options, load_file, load_files

NOW = 1_795_392_000_000_000
OPTIONS = Options(now=NOW, pause=0)
MISSING = Options(now=NOW, pause=0, create_missing=True)


def write(folder: Path, **texts: str) -> dict[str, Path]:
    """Files of the given kinds."""
    for kind, text in texts.items():
        (folder / f"{kind}.csv").write_text(text, encoding="utf-8", newline="")
    return {kind: folder / f"{kind}.csv" for kind in texts}


def many(count: int) -> str:
    return "customer,product,quantity\n" + "".join(f"c{n},p{n % 7},{n % 5 + 1}\n" for n in range(count))


def count(store: MemoryStore) -> dict[str, int]:
    return {table: rows for table, rows in store.check().counts.items() if rows}


def test_files_are_loaded_in_an_order_in_which_references_are_known(tmp_path: Path) -> None:
    store = MemoryStore()
    paths = write(
        tmp_path,
        likes="customer,product\nc1,p1\n",
        purchases="customer,product\nc1,p1\n",
        consents="customer,purpose,granted\nc2,named,no\n",
        friends="customer,friend\nc2,c1\n",
        products="id\np1\n",
        customers="id\nc1\nc2\n",
    )
    reports = load_files(paths, store, options=OPTIONS)
    assert [report.kind for report in reports] == ["customers", "products", "friends", "consents", "purchases", "likes"]
    assert sum(report.rejected for report in reports) == 0
    assert store.get(Friendship, ("c1", "c2")) is not None


def test_references_in_the_store_are_known(tmp_path: Path) -> None:
    store = MemoryStore()
    store.write([Customer(id="c1"), bare(Product, "p1")])
    report = load_file(
        write(tmp_path, likes="customer,product\nc1,p1\nc1,p2\nc2,p2\n")["likes"], "likes", store, options=OPTIONS
    )
    assert [(reject.line, reject.field, reject.value) for reject in report.rejects] == [
        (3, "product", "p2"),
        (4, "customer", "c2"),
    ]
    assert count(store) == {"customers": 1, "products": 1, "likes": 1}


def test_missing_ones_are_created_as_things_to_recommend(tmp_path: Path) -> None:
    store = MemoryStore()
    paths = write(tmp_path, friends="customer,friend\nc1,c2\n", purchases="customer,product\nc1,p1\nc3,p1\n")
    friends, purchases = load_files(paths, store, options=MISSING)
    assert (friends.created, purchases.created) == ({"customers": 2}, {"customers": 1, "products": 1})
    assert store.get(Product, ("p1",)) == Product(id="p1", described=True)
    assert count(store) == {"customers": 3, "products": 1, "friends": 1, "purchases": 2}


def test_a_rejected_row_creates_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    load_file(
        write(tmp_path, purchases="customer,product,quantity\nc1,p1,0\n")["purchases"],
        "purchases",
        store,
        options=MISSING,
    )
    assert count(store) == {}


def test_consent_is_assumed_for_everybody_named_and_older_than_any_answer(tmp_path: Path) -> None:
    store = MemoryStore()
    paths = write(
        tmp_path,
        customers="id\nc0\n",
        friends="customer,friend\nc1,c2\nc3,c3\n",
        consents="customer,purpose,granted,at\nc1,named,false,1970-01-01\n",
        purchases="customer,product\nc4,p1\n",
    )
    options = Options(now=NOW, pause=0, create_missing=True, assume_consent=("named", "profiling"))
    load_files(paths, store, options=options)
    receipts = [record for batch in store.read(Consent) for record in batch.records()]
    assumed = {(r.customer, r.purpose) for r in receipts if r.source == "assumed" and r.granted and r.at is None}
    assert assumed == {(f"c{n}", purpose) for n in (0, 1, 2, 4) for purpose in ("named", "profiling")}
    before = count(store)
    load_files(paths, store, options=options)
    assert count(store) == before


def test_a_mapping_renames_columns_for_all_files_or_for_one(tmp_path: Path) -> None:
    store = MemoryStore()
    paths = write(
        tmp_path,
        customers="user,name\nc1,Ann\n",
        products="item,title,name\np1,Shoe,x\n",
        purchases="user,item,at,plays\nc1,p1,2024-01-01,7\n",
    )
    mapping = {
        "customers.id": "user",
        "products.id": "item",
        "products.name": "title",
        "customer": "user",
        "product": "item",
    }
    reports = load_files(paths, store, options=Options(now=NOW, pause=0, mapping=mapping | {"weight": "plays"}))
    assert store.get(Product, ("p1",)) == Product(id="p1", name="Shoe")
    assert store.get(Customer, ("c1",)) == Customer(id="c1", name="Ann")
    assert [record.weight for batch in store.read(Purchase) for record in batch.records()] == [7.0]
    assert [report.unknown_columns for report in reports] == [[], ["name"], []]


@pytest.mark.parametrize(
    ("mapping", "hint"), [({"prise": "x"}, "did you mean price"), ({"price": "prize"}, "did you mean pris")]
)
def test_a_mapping_that_fits_nothing_names_the_nearest(tmp_path: Path, mapping: dict[str, str], hint: str) -> None:
    path = write(tmp_path, products="id,pris\np1,1\n")["products"]
    with pytest.raises(Invalid, match=hint):
        load_file(path, "products", MemoryStore(), options=Options(now=NOW, mapping=mapping))


def test_unknown_columns_are_named_once_and_ignored(tmp_path: Path) -> None:
    report = load_file(
        write(tmp_path, products="id,colour,,size\np1,red,,L\np2,,,\n")["products"],
        "products",
        MemoryStore(),
        options=OPTIONS,
    )
    assert report.unknown_columns == ["colour", "size"]
    path = tmp_path / "products.jsonl"
    path.write_text('{"id": "p1", "colour": 1}\n{"id": "p2", "size": [1], "colour": null}\n')
    report = load_file(path, "products", MemoryStore(), options=OPTIONS)
    assert (report.unknown_columns, report.accepted) == (["colour", "size"], 2)


def test_names_of_unknown_columns_are_safe_to_print_and_few(tmp_path: Path) -> None:
    names = ["\x1b[2J", "x" * 500, *(f"more{n}" for n in range(200))]
    path = write(tmp_path, products=",".join(["id", *names]) + "\n")["products"]
    unknown = load_file(path, "products", MemoryStore(), options=OPTIONS).unknown_columns
    assert unknown[:2] == ["\\x1b[2J", "x" * 40 + "…"]
    assert len(unknown) == 50


def test_all_files_are_checked_before_a_row_is_written(tmp_path: Path) -> None:
    store = MemoryStore()
    paths = write(tmp_path, customers="id\nc1\n", purchases="customer\nc1\n")
    (tmp_path / "likes.parquet").write_bytes(b"PAR1 and nothing more PAR1")
    with pytest.raises(Refused, match="product is missing"):
        load_files(paths, store, options=OPTIONS)
    with pytest.raises(Refused, match="damaged"):
        load_files({"customers": paths["customers"], "likes": tmp_path / "likes.parquet"}, store, options=OPTIONS)
    assert count(store) == {}


def test_personal_data_need_a_key_before_anything_is_loaded(tmp_path: Path) -> None:
    store = MemoryStore()
    path = write(tmp_path, customers="id,email\nc1,a@b.example\n")["customers"]
    with pytest.raises(Invalid, match="no hash key"):
        load_file(path, "customers", store, options=OPTIONS)
    assert count(store) == {}
    load_file(path, "customers", store, options=Options(now=NOW, key=b"key"))
    stored = store.get(Customer, ("c1",))
    assert stored is not None
    assert stored.email is not None
    assert "@" not in stored.email


@pytest.mark.parametrize("options", [Options(now=NOW, chunk_rows=0), Options(now=NOW, assume_consent=("everything",))])  # type: ignore[arg-type]
def test_a_wrong_option_is_refused(tmp_path: Path, options: Options) -> None:
    with pytest.raises(Invalid):
        load_file(write(tmp_path, customers="id\nc1\n")["customers"], "customers", MemoryStore(), options=options)


def test_rejects_are_written_for_spreadsheets(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    paths = write(tmp_path, customers="id\n c1\n", products="id,price\n=p1,x\np2,=1+1\np3,1,\n")
    reports = load_files(paths, MemoryStore(), options=Options(now=NOW, pause=0, rejects=rejects, shown=1))
    assert [(report.rejected, len(report.rejects)) for report in reports] == [(1, 1), (3, 1)]
    with rejects.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["file", "line", "field", "reason", "value"]
    assert [row[1:3] for row in rows[1:]] == [["2", "id"], ["2", "price"], ["3", "price"], ["4", ""]]
    assert [row[4] for row in rows[1:]] == [" c1", "x", "'=1+1", "p3,1,"]
    assert not list(tmp_path.glob("*.part"))


def test_a_load_without_rejects_leaves_an_empty_list(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    rejects.write_text("of an earlier load")
    load_file(
        write(tmp_path, customers="id\nc1\n")["customers"],
        "customers",
        MemoryStore(),
        options=Options(now=NOW, rejects=rejects),
    )
    assert rejects.read_text() == "file,line,field,reason,value\n"


def test_rejects_that_cannot_be_written_stop_the_load_at_once(tmp_path: Path) -> None:
    store = MemoryStore()
    options = Options(now=NOW, rejects=tmp_path / "nowhere" / "rejects.csv")
    with pytest.raises(Invalid, match="rejects cannot be written"):
        load_file(write(tmp_path, customers="id\nc1\n")["customers"], "customers", store, options=options)
    assert count(store) == {}


def test_a_disk_that_is_full_is_reported_as_such(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    (tmp_path / "rejects.csv.part").symlink_to("/dev/full")
    with pytest.raises(Unavailable, match="rejects cannot be written"):
        load_file(
            write(tmp_path, customers="id\n c1\n")["customers"],
            "customers",
            MemoryStore(),
            options=Options(now=NOW, rejects=rejects),
        )


def test_progress_grows_to_the_whole(tmp_path: Path) -> None:
    paths = write(tmp_path, customers="id\n" + "".join(f"c{n}\n" for n in range(50_000)), purchases=many(5_000))
    seen: list[tuple[int, int, int]] = []
    load_files(paths, MemoryStore(), options=MISSING, on_progress=lambda *step: seen.append(step))
    size = sum(path.stat().st_size for path in paths.values())
    assert len(seen) > 4
    assert seen == sorted(seen)
    assert seen[-1] == (size, size, 55_000)


def test_a_report_is_json(tmp_path: Path) -> None:
    report = load_file(
        write(tmp_path, customers="id,x\nc1,\n c2,\n")["customers"], "customers", MemoryStore(), options=OPTIONS
    )
    said = json.loads(json.dumps(report.as_dict()))
    assert said["rejects"] == [{"line": 3, "field": "id", "reason": "starts or ends with a space", "value": " c2"}]
    assert (said["read"], said["accepted"], said["changed"], said["rejected"]) == (2, 1, 1, 1)
    assert said["rows_per_second"] >= 0


class Failing(MemoryStore):
    """A store that fails at one of its writes, like one that is killed: what was written before stays."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def write(self, facts: Facts) -> Written:
        self.at -= 1
        if self.at == 0:
            raise Unavailable("the disk is full")
        return super().write(facts)


@pytest.mark.parametrize("at", [1, 2, 3, 5, 8, 13])
def test_a_load_that_broke_off_is_resumed_by_running_it_again(tmp_path: Path, at: int) -> None:
    path = write(tmp_path, purchases=many(60))["purchases"]
    options = Options(now=NOW, pause=0, create_missing=True, chunk_rows=10, assume_consent=("named",))
    whole, broken = MemoryStore(), Failing(at)
    load_file(path, "purchases", whole, options=options)
    with pytest.raises(Unavailable):
        load_file(path, "purchases", broken, options=options)
    resumed = load_file(path, "purchases", broken, options=options)
    assert (resumed.accepted, resumed.changed + resumed.unchanged) == (60, 60)
    for kind in KINDS:
        assert [list(batch.records()) for batch in broken.read(kind)] == [
            list(batch.records()) for batch in whole.read(kind)
        ]


def test_a_refusal_midway_says_what_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "purchases.csv"
    path.write_text(many(10_000) + "x" * (9 << 20))
    with pytest.raises(Refused, match=r"line 10002 is longer than 8 MiB.*; \d[\d,]* rows before it are stored"):
        load_file(path, "purchases", MemoryStore(), options=MISSING)


def test_a_transaction_takes_no_more_rows_than_asked(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Counting(MemoryStore):
        def write(self, facts: Facts) -> Written:
            sizes.append(len(facts))  # type: ignore[arg-type]  # the loader writes columns
            return super().write(facts)

    path = write(tmp_path, customers="id\n" + "".join(f"c{n}\n" for n in range(1050)))["customers"]
    load_file(path, "customers", Counting(), options=Options(now=NOW, pause=0, chunk_rows=500))
    assert sizes == [500, 500, 50]


def test_repeats_far_apart_are_still_one_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loaders.load.REMEMBERED", 4)
    store = MemoryStore()
    path = write(tmp_path, likes="customer,product\n" + "".join(f"c{n % 20},p1\n" for n in range(40)))["likes"]
    report = load_file(path, "likes", store, options=Options(now=NOW, pause=0, create_missing=True, chunk_rows=5))
    assert (report.changed, report.repeated + report.unchanged) == (20, 20)
    assert sum(len(batch) for batch in store.read(Like)) == 20


def test_the_newest_row_of_an_entity_wins(tmp_path: Path) -> None:
    store = MemoryStore()
    path = write(tmp_path, products="id,name\np1,Old\np1,New\np1,New\n")["products"]
    report = load_file(path, "products", store, options=OPTIONS)
    assert store.get(Product, ("p1",)) == Product(id="p1", name="New")
    assert (report.accepted, report.repeated) == (3, 1)


def test_text_is_kept_byte_for_byte(tmp_path: Path) -> None:
    names = [
        "Bj\u00f6rk",
        "Bjo\u0308rk",
        "=HYPERLINK(1)",
        "-OZ-",
        "\u202eabc",
        "a\tb",
        " padded ",
        "\U0001f3b8",
        "a\r\nb",
        "\u00a0",
    ]
    text = "id,name\n" + "".join(f'p{n},"{name}"\n' for n, name in enumerate(names))
    store = MemoryStore()
    load_file(write(tmp_path, products=text)["products"], "products", store, options=OPTIONS)
    assert [store.get(Product, (f"p{n}",)) for n in range(len(names))] == [
        Product(id=f"p{n}", name=name) for n, name in enumerate(names)
    ]
