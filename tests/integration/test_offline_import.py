"""First loads through Neo4j's own importer: afterwards the graph is as if it had been loaded through the running server."""

from __future__ import annotations

import fcntl
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import neo4j
import pytest

from engine import jobs
from engine.console import FAILED, PARTIAL, USAGE
from engine.engine import Engine
from engine.neo4j_server import LocalServer, free_ports
from engine.offline_import import load_offline
from engine.settings import Settings
from graph.columns import Columns
from graph.errors import Conflict, Damaged, Invalid, Refused, Unavailable
from graph.moments import to_moment
from graph.records import Customer, Friendship, Like, Product, Record, Return, Review, View
from graph.store import START, Edits
from graph.stores.neo4j_address import Address
from graph.stores.neo4j_onlooker import Onlooker
from graph.stores.neo4j_place import Place, is_whole
from graph.stores.neo4j_store import Neo4jStore
from loaders.demo import sample_shop, write_files
from loaders.report import LoadReport
from tests.graph_database import empty_neo4j
from tests.records import FACTS, bought, everything

ROOT = Path(__file__).parents[2]
NOW = to_moment(datetime(2026, 11, 1, tzinfo=UTC))
KINDS = ("customers", "products", "friends", "consents", "purchases", "likes")
ODD = (
    'say "hi"',
    "two\nlines",
    "two\r\nlines",
    " around ",
    "a,b;c",
    "\\",
    "\0nul",
    "\ufeffmark",
    "\N{SNOWMAN}\U0001f600",
    "",
)


@dataclass(frozen=True)
class Shop:
    """A server of its own, and the settings of a shop in it."""

    server: LocalServer
    settings: Settings

    @property
    def home(self) -> Path:
        return self.settings.neo4j_home

    def store(self) -> Neo4jStore:
        return Neo4jStore(Address.parse(self.server.url))

    def load(self, work: Callable[[Engine], list[LoadReport]], **changed: Any) -> list[LoadReport]:
        return load_offline(self.settings, self.server, work, clock=lambda: NOW, **changed)


def ask(url: str, text: str, **parameters: object) -> list[list[Any]]:
    """What a person would see in the Neo4j Browser. Connects anew each time, as these servers are restarted."""
    address = Address.parse(url)
    with neo4j.GraphDatabase.driver(address.server, auth=(address.user, address.password)) as driver:
        return [record.values() for record in driver.execute_query(text, parameters, database_="neo4j").records]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("a shop")
    bolt, browser = free_ports(0, 0)
    mine = Settings.load(environ={})
    server = LocalServer(folder / "neo4j", jars=mine.neo4j_jars, bolt_port=bolt, browser_port=browser)
    server.start()
    changed = {"store": server.url, "neo4j_home": folder / "neo4j", "data_dir": folder / "data"}
    yield Shop(server, mine.model_copy(update=changed))
    server.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    write_files(sample_shop(now=NOW, customers=200, products=100), folder)
    return {kind: folder / f"{kind}.csv" for kind in KINDS}


@pytest.fixture
def empty(shop: Shop) -> Shop:
    """The same server with nothing in it, as if nothing had ever been written."""
    ask(shop.server.url, "MATCH (n) WHERE NOT n:KithPlace DETACH DELETE n")
    ask(shop.server.url, "MATCH (place:KithPlace) SET place = $state SET place.name = 'graph'", state=Place().state())
    return shop


def odd_facts() -> list[list[Record]]:
    """Writes with every kind, text and number that there may be; things that come twice, change, and are only named."""
    people = [Customer(id=f"person {text}", name=text) for text in ODD]
    reviews = [Review(id=f"r{n}", customer=f"person {text}", product="p", text=text) for n, text in enumerate(ODD)]
    numbers = (0.0, 0.1 + 0.2, 5e-324, 1e300, math.inf, -math.inf)
    plays = [bought(f"w{n}", weight=weight, price=-(2**63) + n) for n, weight in enumerate(numbers)]
    return [
        list(FACTS),
        [*people, *reviews, *plays],
        [Friendship.between(one.id, other.id) for one, other in pairwise(people)],
        [Customer(id="a", name="Anna"), Product(id="p", name="Boot", category="boots"), Product(id="p", name="Clog")],
        [bought("2", "only named", "also only named"), bought("new", "only named", "also only named")],
        [Friendship(customer="a", friend="b", since=2), Friendship(customer="a", friend="b", since=1)],
        [Like(id="4", customer="c", product="p"), Return(id="u", customer="a", product="p", reason="cancel")],
    ]


def fill(engine: Engine, files: dict[str, Path]) -> list[LoadReport]:
    """All that a shop may hold, by files and by writes."""
    reports = jobs.load(engine, files, create_missing=True, assume_consent=["named"])
    for facts in odd_facts():
        engine.store.write(facts)
    return reports


@pytest.fixture(scope="class")
def both(shop: Shop, files: dict[str, Path], neo4j_url: str) -> Iterator[tuple[Neo4jStore, Neo4jStore]]:
    for left in (shop.home / "import/kith", shop.home / "data/databases/kith-incoming"):
        left.mkdir()  # by an import that was killed
        (left / "neostore").write_text("half")
    steps: list[str] = []
    offline = shop.load(lambda engine: fill(engine, files), on_step=lambda step, done, detail="": steps.append(step))
    assert [*dict.fromkeys(steps)] == ["importing", "starting Neo4j", "making indexes"]
    with closing(empty_neo4j(neo4j_url)) as other:
        online = fill(Engine(shop.settings, other, lambda: NOW), files)
        assert [replace(report, seconds=0) for report in offline] == [replace(each, seconds=0) for each in online]
        with closing(shop.store()) as imported:
            yield imported, other


class TestAfterwards:
    """Two servers with the same facts: one loaded through its importer, the other through Bolt."""

    def test_every_record_is_the_same(self, both: tuple[Neo4jStore, Neo4jStore]) -> None:
        imported, written = both
        assert everything(imported) == everything(written)
        assert imported.check().counts == written.check().counts

    @pytest.mark.parametrize(
        "text",
        [
            "MATCH (n) WHERE NOT n:KithPlace RETURN labels(n), properties(n)",
            "MATCH (a)-[r]->(b) RETURN type(r), properties(r), a.id, b.id, b.name",
            "MATCH (n) WHERE NOT n:KithPlace UNWIND keys(n) AS key RETURN DISTINCT labels(n), key, valueType(n[key])",
            "MATCH ()-[r]->() UNWIND keys(r) AS key RETURN DISTINCT type(r), key, valueType(r[key])",
            "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties RETURN name, type, labelsOrTypes, properties",
            "SHOW INDEXES YIELD name, type, state, labelsOrTypes RETURN name, type, state, labelsOrTypes",
        ],
    )
    def test_the_graph_is_the_same_also_to_those_who_look_into_it(
        self, shop: Shop, neo4j_url: str, both: tuple[Neo4jStore, Neo4jStore], text: str
    ) -> None:
        imported, written = (sorted(map(repr, map(_sorted, ask(url, text)))) for url in (shop.server.url, neo4j_url))
        assert imported
        assert imported == written

    def test_the_order_of_writes_goes_on_from_the_same_place(
        self, shop: Shop, neo4j_url: str, both: tuple[Neo4jStore, Neo4jStore]
    ) -> None:
        text = "MATCH (place:KithPlace) RETURN properties(place), {tokens: valueType(place.tokens)}"
        (((one, types),), ((other, wanted),)) = (ask(url, text) for url in (shop.server.url, neo4j_url))
        assert is_whole(one)
        own = {"tokens", "commits", "settled", "gaps", "writing", "check"}
        assert {name: value for name, value in one.items() if name not in own} == {
            name: value for name, value in other.items() if name not in own
        }
        assert types == wanted
        assert (one["settled"], one["gaps"], one["commits"]) == (one["last"], 0, 1)

    def test_the_tail_tells_the_same(self, both: tuple[Neo4jStore, Neo4jStore]) -> None:
        imported, written = (store.changes(START, limit=100_000) for store in both)
        assert imported == written
        assert not imported.more

    def test_nobody_seems_to_have_edited_or_deleted_anything(self, both: tuple[Neo4jStore, Neo4jStore]) -> None:
        imported, _ = both
        before = imported.check().cursor
        assert imported.take_in_edits() == Edits(0, ())
        assert imported.take_in_losses() == ()
        assert imported.check().cursor == before

    def test_later_writes_do_the_same(self, both: tuple[Neo4jStore, Neo4jStore]) -> None:
        later: list[list[Record]] = [
            [Product(id="p1", name="Renamed", category="boots"), Customer(id="c1")],
            [View(id="5", customer="a", product="p"), View(id="later", customer="a", product="p1")],
            [Friendship(customer="a", friend="b", since=7), Friendship(customer="a", friend="c1")],
        ]
        before, same = (store.check().cursor for store in both)
        assert before == same
        for facts in later:
            imported, written = (store.write(facts) for store in both)
            assert imported == written
            assert imported.changed > 0
        imported_tail, written_tail = (store.changes(before).items for store in both)
        assert imported_tail == written_tail
        assert both[0].forget(Customer(id="a").id) == both[1].forget(Customer(id="a").id)  # type: ignore[arg-type]
        assert everything(both[0]) == everything(both[1])
        assert both[0].take_in_losses() == ()

    def test_nothing_is_left_lying_around(self, shop: Shop, both: tuple[Neo4jStore, Neo4jStore]) -> None:
        assert list((shop.home / "import").iterdir()) == []
        assert sorted(path.name for path in (shop.home / "data/databases").iterdir() if path.is_dir()) == [
            "neo4j",
            "system",
        ]


def _sorted(row: list[Any]) -> list[Any]:
    return [sorted(value.items()) if isinstance(value, dict) else value for value in row]


class TestTheCommand:
    def test_good_rows_are_imported_and_bad_ones_reported(self, empty: Shop, tmp_path: Path) -> None:
        file = tmp_path / "purchases.csv"
        file.write_text("customer,product,at\nc1,p1,2026-01-01\nc2,p1,someday\nc1,p1,2026-01-01\n")
        done = _kith(empty, tmp_path, "load", "--offline-import", "--create-missing", "--purchases", str(file))
        assert "2 of 3 rows accepted (1 new or changed, 0 known, 1 repeated), 1 rejected" in done.stdout, done.stderr
        assert done.returncode == PARTIAL
        with closing(empty.store()) as store:
            assert [record.id for record in everything(store) if isinstance(record, Customer)] == ["c1"]
            assert store.check().counts["purchases"] == 1
        again = _kith(empty, tmp_path, "load", "--offline-import", "--create-missing", "--purchases", str(file))
        assert (again.returncode, again.stdout) == (FAILED, "")
        assert again.stderr.endswith(
            " is not empty, or has been in use, and the importer makes only new databases: load without --offline-import\n"
        )

    def test_another_store_is_refused(self, empty: Shop, tmp_path: Path) -> None:
        file = tmp_path / "customers.csv"
        file.write_text("id\nc1\n")
        settings = replace(empty, settings=empty.settings.model_copy(update={"store": f"sqlite:///{tmp_path}/own.db"}))
        done = _kith(settings, tmp_path, "load", "--offline-import", "--customers", str(file))
        assert done.returncode == USAGE
        assert "own.db is no Neo4j store: load into it without --offline-import" in done.stderr
        assert not (tmp_path / "own.db").exists()


def _kith(shop: Shop, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    given = {name: str(getattr(shop.settings, name)) for name in ("store", "neo4j_home", "neo4j_jars", "data_dir")}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KITH_")}
    return subprocess.run(
        [sys.executable, "-c", "from engine.cli import main; main()", *arguments],
        cwd=folder,
        env={**environ, **{f"KITH_{name.upper()}": value for name, value in given.items()}, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def never(engine: Engine) -> list[LoadReport]:
    raise AssertionError("it is refused before a row is read")


def few(engine: Engine) -> list[LoadReport]:
    engine.store.write(FACTS)
    return []


def holds_nothing(shop: Shop) -> bool:
    with closing(shop.store()) as store:
        return not any(store.check().counts.values()) and store.check().cursor == 0


class TestRefused:
    def pid(self, shop: Shop) -> int | None:
        return shop.server.status().pid

    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"store": "memory://"}, "is no Neo4j store: load into it without --offline-import"),
            ({"store": "neo4j://neo4j@127.0.0.1:9"}, "is not the server in .*neo4j, and the importer works only in"),
            ({"store": "neo4j://neo4j:secret@example.org:{port}"}, "without --offline-import"),
            ({"store": "neo4j://neo4j@localhost:{port}/other"}, "is not the server in"),
            ({"neo4j_url": "neo4j://neo4j@127.0.0.1"}, "neo4j_url names a server that is not ours to stop"),
        ],
    )
    def test_a_store_that_is_not_a_server_of_kith_on_this_machine(
        self, empty: Shop, changed: dict[str, str], why: str
    ) -> None:
        port = Address.parse(empty.server.url).server.rpartition(":")[2]
        update = {name: value.format(port=port) for name, value in changed.items()}
        other = replace(empty, settings=empty.settings.model_copy(update=update))
        with pytest.raises(Invalid, match=why) as refused:
            other.load(never)
        assert "secret" not in str(refused.value)

    def test_a_server_that_does_not_run(self, shop: Shop, tmp_path: Path) -> None:
        idle = LocalServer(tmp_path / "neo4j", jars=shop.settings.neo4j_jars)
        settings = shop.settings.model_copy(update={"store": idle.status().url})
        with pytest.raises(Invalid, match="is not running: kith neo4j start, then load"):
            load_offline(settings, idle, never, clock=lambda: NOW)
        assert not (tmp_path / "neo4j").exists()

    @pytest.mark.parametrize(
        ("text", "state"),
        [
            ("CREATE (:Customer {id: 'c1'})", {}),
            ("CREATE (:Note {text: 'not of Kith'})", {}),
            ("MATCH (place:KithPlace) SET place += $state", Place(last=7, settled=7).state()),
        ],
    )
    def test_a_database_that_holds_something_or_once_did(
        self, empty: Shop, text: str, state: dict[str, object]
    ) -> None:
        ask(empty.server.url, text, state=state)
        before = self.pid(empty)
        with pytest.raises(
            Conflict, match="is not empty, or has been in use, and the importer makes only new databases"
        ):
            empty.load(never)
        assert self.pid(empty) == before

    def test_a_database_that_was_filled_while_the_rows_were_read(self, empty: Shop) -> None:
        def work(engine: Engine) -> list[LoadReport]:
            ask(empty.server.url, "CREATE (:Note {text: 'meanwhile'})")
            return few(engine)

        before = self.pid(empty)
        with pytest.raises(Conflict, match="is not empty"):
            empty.load(work)
        assert self.pid(empty) == before
        assert ask(empty.server.url, "MATCH (note:Note) RETURN note.text") == [["meanwhile"]]

    def test_to_look_whether_a_database_is_empty_makes_nothing_in_it(self, empty: Shop) -> None:
        ask(empty.server.url, "DROP CONSTRAINT kith_place IF EXISTS")
        with closing(Onlooker(Address.parse(empty.server.url))) as database:
            assert database.is_unused()
        names = ask(empty.server.url, "SHOW CONSTRAINTS YIELD name RETURN name")
        assert ["kith_place"] not in names

    def test_a_second_import_at_the_same_time(self, empty: Shop) -> None:
        with (empty.home / ".import.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(Conflict, match=r"another import into .* is on its way: wait until it has ended"):
                empty.load(never)

    def test_a_disk_without_room(self, empty: Shop) -> None:
        before = self.pid(empty)
        with pytest.raises(
            Unavailable, match=r"has 1 MiB left and the import may take 128 MiB: make room and load again"
        ):
            empty.load(few, free=lambda folder: 2**20)
        assert self.pid(empty) == before
        assert list((empty.home / "import").iterdir()) == []

    def test_files_of_which_every_row_is_bad_leave_the_server_alone(self, empty: Shop, tmp_path: Path) -> None:
        file = tmp_path / "purchases.csv"
        file.write_text("customer,product,at\nc1,p1,2026-01-01\n")
        before = self.pid(empty)
        (report,) = empty.load(lambda engine: jobs.load(engine, {"purchases": file}))
        assert (report.accepted, report.rejected) == (0, 1)
        assert self.pid(empty) == before

    def test_a_file_that_cannot_be_loaded_leaves_the_server_alone(self, empty: Shop, tmp_path: Path) -> None:
        file = tmp_path / "customers.csv"
        file.write_text("nothing,that,is,known\n1,2,3,4\n")
        before = self.pid(empty)
        with pytest.raises(Refused, match=r"customers\.csv"):
            empty.load(lambda engine: jobs.load(engine, {"customers": file}))
        assert self.pid(empty) == before


class TestAFailureOfTheImporter:
    def test_leaves_the_empty_database_in_a_running_server(self, empty: Shop) -> None:
        def broken(folder: Path) -> int:
            with (folder / "import/kith/VIEWED.csv").open("a") as views:
                views.write("not a number,7\n")
            return 2**40

        with pytest.raises(Refused, match=r"neo4j-admin database import full failed .* it said last: (?!nothing)\w"):
            empty.load(few, free=broken)
        assert holds_nothing(empty)
        assert list((empty.home / "import").iterdir()) == []
        assert not (empty.home / "data/databases/kith-incoming").exists()

    if "KITH_LONG" in os.environ:  # it starts a server four times

        def test_that_is_found_only_afterwards_is_taken_back(self, empty: Shop) -> None:
            def shortened(folder: Path) -> int:
                views = folder / "import/kith/VIEWED.csv"
                views.write_text("".join(views.read_text().splitlines(keepends=True)[:-1]))
                return 2**40

            def work(engine: Engine) -> list[LoadReport]:
                engine.store.write(Columns.of(View, [View(id=f"{n}", customer="a", product="p") for n in range(3)]))
                return []

            with pytest.raises(Damaged, match="the importer brought in 2 of 3 views: nothing was kept, load without"):
                empty.load(work, free=shortened)
            assert holds_nothing(empty)
            empty.load(work)
            with closing(empty.store()) as store:
                assert store.check().counts["views"] == 3
