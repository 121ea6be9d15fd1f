"""What the SQLite store promises beyond `graph.store.GraphStore`: its file, its versions, its backup, erased bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random

import apsw
import pytest

from graph.columns import Columns
from graph.errors import Conflict, Damaged, Invalid, Unavailable
from graph.records import Customer, CustomerId, Friendship, Product, Purchase, View
from graph.stores import open_store, sqlite_schema, sqlite_writer
from graph.stores.sqlite import SqliteStore
from graph.stores.sqlite_writer import Writer
from tests.records import FACTS, bought, everything, ids


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as opened:
        yield opened


def ask(path: Path, question: str) -> object:
    with closing(apsw.Connection(str(path))) as connection:
        return connection.execute(question).get


# ---- the file


def test_what_was_written_is_there_after_closing_and_opening(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        written = store.write(FACTS)
        held = everything(store)
    with closing(open_store(f"sqlite:///{path}")) as again:
        assert everything(again) == held
        assert again.check().cursor == written.cursor


def test_a_closed_store_leaves_one_file(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "deep" / "er" / "shop.db")) as store:
        store.write(FACTS)
    assert [found.name for found in (tmp_path / "deep" / "er").iterdir()] == ["shop.db"]


def test_a_closed_store_says_that_it_is_closed(store: SqliteStore) -> None:
    store.close()
    for use in (lambda: store.write(FACTS), store.check, lambda: store.get(Customer, ("a",))):
        with pytest.raises(Unavailable, match="closed"):
            use()


def test_commits_are_durable_and_deletions_overwritten(path: Path, store: SqliteStore) -> None:
    with store._readers.connection() as connection:
        settings = [
            connection.execute(f"PRAGMA {name}").get for name in ("journal_mode", "synchronous", "secure_delete")
        ]
    assert settings == ["wal", 2, 1]


@pytest.mark.parametrize("content", [b"customer,friend\n", b"not a database " * 1000], ids=["short", "long"])
def test_a_file_that_is_no_database_is_damaged_and_stays_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"shop\.db.*restore a backup"):
        SqliteStore(path)
    assert path.read_bytes() == content


def test_a_file_cut_short_is_damaged(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.write([bought(str(n), customer=f"c{n}") for n in range(5000)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Damaged, match="restore a backup"), closing(SqliteStore(path)) as store:
        everything(store)


def test_the_database_of_another_program_is_refused_and_stays_as_it_is(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    with pytest.raises(Invalid, match="another program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_path_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="check the path"):
        SqliteStore(tmp_path / "file" / "shop.db")
    with pytest.raises(Unavailable, match="check the path"):
        SqliteStore(tmp_path)


# ---- versions


def test_the_file_of_a_newer_kith_is_refused_and_stays_as_it_is(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.write(FACTS)
    ask(path, "PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(Unavailable, match=r"version 99.*install the newer Kith"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_an_older_file_is_brought_to_the_newest_version_step_by_step(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteStore(path)) as store:
        store.write(FACTS)
        held = everything(store)
    first = int(str(ask(path, "PRAGMA user_version")))
    steps = (
        "CREATE TABLE step (n); INSERT INTO step VALUES (1)",
        "UPDATE step SET n = n + 1; INSERT INTO step VALUES (5)",
    )
    monkeypatch.setattr(sqlite_schema, "UPGRADES", (*sqlite_schema.UPGRADES, *steps))
    for _ in range(2):
        with closing(SqliteStore(path)) as store:
            assert everything(store) == held
        assert ask(path, "SELECT group_concat(n) FROM step") == "2,5"
        assert ask(path, "PRAGMA user_version") == first + 2


def test_an_upgrade_that_fails_leaves_the_old_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteStore(path).close()
    first = ask(path, "PRAGMA user_version")
    monkeypatch.setattr(
        sqlite_schema, "UPGRADES", (*sqlite_schema.UPGRADES, "CREATE TABLE step (n); DROP TABLE nothing")
    )
    with pytest.raises(apsw.SQLError, match="nothing"):
        SqliteStore(path)
    assert ask(path, "PRAGMA user_version") == first
    assert ask(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'step'") == 0


# ---- what cannot be stored


@pytest.mark.parametrize(
    "wrong",
    [{"quantity": 2**63}, {"quantity": "two"}, {"quantity": None}, {"order": "\ud800"}, {"order": object()}],
    ids=["too big", "text for a number", "nothing where something must be", "half a character", "no value at all"],
)
def test_a_value_that_cannot_be_stored_is_invalid_and_nothing_is(store: SqliteStore, wrong: dict[str, object]) -> None:
    row: dict[str, object] = {"id": "1", "customer": "a", "product": "p"}
    with pytest.raises(Invalid, match="purchases"):
        store.write(Columns(Purchase, {name: [value] for name, value in (row | wrong).items()}))
    assert everything(store) == set()


def test_a_thread_that_holds_the_store_alone_is_told_not_to_wait_for_itself(store: SqliteStore) -> None:
    with store.exclusive("test") as transaction:
        transaction.write([bought("1")])
        with pytest.raises(RuntimeError, match="through its transaction"):
            store.write([bought("2")])
        with pytest.raises(RuntimeError, match="through its transaction"), store.exclusive("other"):
            pass
    assert ids(store, Purchase) == ["1"]


# ---- backup


def test_a_backup_is_whole_and_of_one_moment_while_others_write(store: SqliteStore, tmp_path: Path) -> None:
    store.write(
        Columns(View, {"id": [f"v{n}" for n in range(50_000)], "customer": ["a"] * 50_000, "product": ["p"] * 50_000})
    )
    stop = threading.Event()

    def write() -> int:
        n = 0
        while not stop.is_set():
            store.write([bought(f"{n}-a", customer=f"c{n}"), bought(f"{n}-b", customer=f"c{n}")])
            n += 1
        return n

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        for copy in range(3):
            at_least = store.check().counts["purchases"]
            store.backup(tmp_path / "copies" / f"{copy}.db")
            with closing(SqliteStore(tmp_path / "copies" / f"{copy}.db")) as restored:
                found = set(ids(restored, Purchase))
                assert len(found) >= at_least
                assert found == {f"{n}-{line}" for n in range(len(found) // 2) for line in "ab"}
                assert restored.check().counts["views"] == 50_000
        stop.set()
        assert writing.result(timeout=20) > 3
    assert sorted(found.name for found in (tmp_path / "copies").iterdir()) == ["0.db", "1.db", "2.db"]


def test_a_backup_never_overwrites(store: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "old.db").write_text("precious")
    with pytest.raises(Conflict, match="exists"):
        store.backup(tmp_path / "old.db")
    assert (tmp_path / "old.db").read_text() == "precious"


def test_a_backup_that_cannot_be_written_leaves_no_target(store: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable):
        store.backup(tmp_path / "file" / "copy.db")
    assert (tmp_path / "file").read_bytes() == b""


# ---- erased bytes

CANARY = "zz-canary"


def live_with(store: SqliteStore) -> None:
    """A life in random order, so that pages are reordered and keep old copies."""
    random = Random(3)
    for turn in range(12):
        facts = [bought(f"{random.getrandbits(64):x}", customer=f"c{random.randrange(900)}") for _ in range(300)]
        facts += [bought(f"{random.getrandbits(64):x}{CANARY}", customer=CANARY, order=CANARY) for _ in range(5)]
        ties = [Friendship.between(CANARY, f"c{random.randrange(2000)}") for _ in range(5)]
        ties += [Friendship.between(f"c{random.randrange(2000)}", f"d{random.randrange(2000)}") for _ in range(500)]
        people = [Customer(id=f"c{random.randrange(900)}", name="y" * random.randrange(300)) for _ in range(100)]
        people += [Customer(id=CANARY, name=f"{CANARY} {turn}", email=CANARY * random.randrange(20))]
        store.write([*facts, *ties, *people])
    tie = Friendship.between(CANARY, "friend once")
    store.write([tie])
    store.remove(Friendship, (tie.customer, tie.friend))


def traces(path: Path) -> int:
    """How often the canary is in the bytes of the file and its log."""
    return sum(found.read_bytes().count(CANARY.encode()) for found in path.parent.glob(f"{path.name}*"))


TOMBSTONE = 2
"""Its row and the entry in the index of its table."""


def test_of_somebody_forgotten_the_bytes_hold_the_tombstone_alone(path: Path, store: SqliteStore) -> None:
    live_with(store)
    assert traces(path) > 500
    others = {record for record in everything(store) if CANARY not in repr(record)}
    store.forget(CustomerId(CANARY))
    assert traces(path) == TOMBSTONE
    assert everything(store) == others


def test_erased_bytes_that_a_reader_still_needs_leave_with_the_next_write(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "_SCRUB_AGAIN", 0.0)
    live_with(store)
    store.write(Columns(Product, {"id": [f"p{n}" for n in range(60_000)]}))
    reading = store.read(Product)
    read = len(next(reading))
    store.forget(CustomerId(CANARY))
    assert traces(path) > TOMBSTONE
    assert read + sum(map(len, reading)) == 60_001
    store.write([Customer(id="somebody")])
    assert traces(path) == TOMBSTONE


def test_an_erasure_whose_process_died_before_the_bytes_were_gone_is_finished_by_the_next_writer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteStore(path)) as dying, monkeypatch.context() as patch:
        live_with(dying)
        patch.setattr(Writer, "_scrub", lambda writer: None)
        dying.forget(CustomerId(CANARY))
    assert traces(path) > TOMBSTONE
    with closing(SqliteStore(path)) as store:
        store.write([Customer(id="somebody")])
        assert traces(path) == TOMBSTONE
    assert ask(path, "SELECT erasures - scrubbed FROM place") == 0
