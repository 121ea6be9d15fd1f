"""The SQLite store among processes that write at once, die and run out of disk."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from random import Random
from threading import Thread

import apsw
import pytest

from graph.columns import Columns
from graph.errors import Unavailable
from graph.records import Customer, CustomerId, Product, Purchase
from graph.store import START, Removed
from graph.stores import sqlite_connection, sqlite_writer
from graph.stores.sqlite import SqliteStore
from graph.stores.sqlite_writer import Writer
from tests.records import bought

ROOT = Path(__file__).parents[2]


@contextmanager
def program(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A program of `tests.faults.writing`, running; killed at the end if it still does."""
    command = [sys.executable, "-m", "tests.faults.writing", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> list[list[str]]:
    """The words of each line that the program said, when it has ended well."""
    said, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0, said
    return [line.split() for line in said.splitlines()]


def run(*arguments: object) -> list[list[str]]:
    with program(*arguments) as process:
        return finish(process)


def purchases(store: SqliteStore) -> list[str]:
    return [id for batch in store.read(Purchase, columns=("id",)) for id in batch["id"]]


def assert_sound(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.execute("PRAGMA integrity_check").get == "ok"


# ---- many at once


def test_processes_that_write_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "shop.db"
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda name: run("share", path, name, 60), "wxyz"))
    with closing(SqliteStore(path)) as store:
        expected = {f"{name}-{n}" for name in ("all", *"wxyz") for n in range(60)}
        assert sorted(purchases(store)) == sorted(expected)
        assert sum(int(lines[-1][0]) for lines in said) == len(expected)
        assert store.check().counts["customers"] == 60
        assert store.check().counts["products"] == 61
        assert len(store.changes(START).items) == len(expected) + 121
    assert_sound(path)


def test_transactions_of_one_name_are_serial_across_processes(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: run("increment", tmp_path / "shop.db", 40), range(3)))
    with closing(SqliteStore(tmp_path / "shop.db")) as store:
        assert store.get(Customer, ("counter",)) == Customer(id="counter", birth_year=120)


def test_the_write_of_another_process_is_in_the_next_changes(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "shop.db")) as store:
        cursor = store.write([bought("1")]).cursor
        assert store.changes(cursor).items == ()
        run("write", tmp_path / "shop.db", "2", "b")
        tail = store.changes(cursor)
        assert tail.items == (Customer(id="b"), bought("2", customer="b"))
        assert store.changes(tail.cursor).items == ()


def test_an_end_that_another_process_forgot_is_created_again(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "shop.db")) as store:
        cursor = store.write([bought("1"), Product(id="p", name="Shoe")]).cursor
        run("forget", tmp_path / "shop.db", "a")
        assert store.changes(cursor).items == (Removed(Customer, ("a",)),)
        store.write([bought("2")])
        assert store.get(Customer, ("a",)) == Customer(id="a")


def test_writes_that_wait_for_each_other_share_a_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = []
    original = Writer.transaction

    def counted(writer: Writer) -> AbstractContextManager[Writer]:
        transactions.append(writer)
        return original(writer)

    monkeypatch.setattr(Writer, "transaction", counted)
    with closing(SqliteStore(tmp_path / "shop.db")) as store, ThreadPoolExecutor(20) as pool:
        with store.exclusive("test"):
            calls = [pool.submit(store.write, [bought(str(n), customer=f"c{n}")]) for n in range(20)]
            time.sleep(0.3)
        assert all(call.result(timeout=20).changed == 1 for call in calls)
        assert len(transactions) < 1 + 20 / 2
        assert len({call.result().cursor for call in calls}) == 20
        assert len(purchases(store)) == 20


# ---- death


def test_what_a_killed_writer_acknowledged_is_found_whole_and_once(tmp_path: Path) -> None:
    path, random = tmp_path / "shop.db", Random(20)
    wrote: dict[str, str] = {}
    forgotten: set[str] = set()
    for turn in range(20):
        with program("flood", path, turn) as process:
            assert process.stdout is not None
            first = process.stdout.readline() if turn % 4 else ""  # every fourth dies while it opens the store
            time.sleep(random.random() * (0.08 if first else 0.4))
            process.kill()
            for line in (first + process.stdout.read()).splitlines(keepends=True):
                if line.endswith("\n"):
                    what, *words = line.split()
                    if what == "wrote":
                        wrote[words[0]] = words[1]
                    else:
                        forgotten.add(words[0])
        with closing(SqliteStore(path)) as store:
            found = purchases(store)
            assert len(found) == len(set(found))
            expected = {order for order, customer in wrote.items() if customer not in forgotten}
            missing = {order for order in expected if f"{order}-a" not in found}
            in_flight = {wrote[order] for order in missing}  # erased, but killed before it could say so
            assert len(in_flight) <= 1
            assert all(store.get(Customer, (customer,)) is None for customer in in_flight | forgotten)
            forgotten |= in_flight
            assert {id[:-1] + "a" for id in found} == {id for id in found if id.endswith("a")}
            assert {id[:-1] + "b" for id in found} == {id for id in found if id.endswith("b")}
        assert_sound(path)
    assert len(wrote) > 50
    assert forgotten


# ---- no room, no access


def test_a_full_disk_refuses_cleanly_and_works_again_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    said = run("starve", path, 3_000_000)
    wrote = [words[1] for words in said if words[0] == "wrote"]
    refused = next(words for words in said if words[0] == "refused")
    assert "try again" in " ".join(refused)
    assert ["found", str(2 * (len(wrote) - 1))] in said
    assert len(wrote) > 50
    with closing(SqliteStore(path)) as store:
        assert sorted(purchases(store)) == sorted(f"{n}-{line}" for n in wrote for line in "ab")
        assert store.get(Customer, (f"c{refused[1]}",)) is None
    assert_sound(path)


def test_a_store_that_another_program_keeps_locked_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_connection, "PATIENCE", 50)
    monkeypatch.setattr(sqlite_writer, "PATIENCE", 50)
    with closing(SqliteStore(tmp_path / "shop.db")) as store:
        store.write([bought("1")])
        with closing(apsw.Connection(str(tmp_path / "shop.db"))) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="another process"):
                store.write([bought("2")])
            with pytest.raises(Unavailable, match="another process"):
                store.forget(CustomerId("a"))
            assert purchases(store) == ["1"]
            other.execute("ROLLBACK")
        assert store.write([bought("2")]).changed == 1


def test_live_events_get_in_between_the_chunks_of_a_load(tmp_path: Path) -> None:
    path, rows = tmp_path / "shop.db", 8_000
    with closing(SqliteStore(path)) as loading, closing(SqliteStore(path)) as live:
        waits: list[float] = []

        def load() -> None:
            for chunk in range(12):
                ids = [f"{chunk:02d}-{row:06d}" for row in range(rows)]
                values = {"id": ids, "customer": [f"c{row % 500}" for row in range(rows)], "product": ["p"] * rows}
                loading.write(Columns(Purchase, values))
                time.sleep(0.005)

        loader = Thread(target=load)
        loader.start()
        while loader.is_alive():
            began = time.monotonic()
            live.write([Purchase(id=f"live-{len(waits)}", customer="c", product="p")])
            waits.append(time.monotonic() - began)
        loader.join()
        assert live.check().counts["purchases"] == 12 * rows + len(waits)
        assert len(waits) >= 8
