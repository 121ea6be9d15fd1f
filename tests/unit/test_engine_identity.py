"""The key of the hashes that personal data are kept as: one per shop, for good."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest

from engine import jobs
from engine.engine import Engine
from engine.identity import SIZE, hash_key
from engine.settings import Settings
from graph.errors import Damaged, Unavailable
from graph.records import Customer

ROOT = Path(__file__).parents[2]


def test_the_first_call_makes_it_and_every_later_one_gives_the_same(tmp_path: Path) -> None:
    key = hash_key(tmp_path / "shop.db.d")
    assert len(key) == SIZE
    assert hash_key(tmp_path / "shop.db.d") == key
    assert hash_key(tmp_path / "other.db.d") != key


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    hash_key(tmp_path)
    assert stat.S_IMODE((tmp_path / "identity.key").stat().st_mode) == 0o600


def test_threads_that_begin_together_have_one_key(tmp_path: Path) -> None:
    together, keys = Barrier(8), []

    def ask() -> None:
        together.wait()
        keys.append(hash_key(tmp_path / "new"))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert set(keys) == {hash_key(tmp_path / "new")}


def test_processes_that_begin_together_have_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.identity import hash_key\n"
        "print(flush=True); sys.stdin.readline()\n"
        "for n in range(40): print(hash_key(Path(sys.argv[1]) / str(n)).hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    workers = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(3)]
    for worker in workers:
        worker.stdout.readline()  # imported, and waiting
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    one, *others = (worker.communicate(timeout=60)[0].split() for worker in workers)
    assert len(set(one)) == 40
    assert others == [one, one]


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * (SIZE + 1)])
def test_a_damaged_key_is_never_replaced_behind_the_shop_s_back(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "identity.key").write_bytes(damage)
    with pytest.raises(Damaged, match=r"identity\.key.*restore it from a backup"):
        hash_key(tmp_path)
    assert (tmp_path / "identity.key").read_bytes() == damage


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"file/identity\.key"):
        hash_key(tmp_path / "file")


def test_personal_data_are_kept_only_as_hashes_that_another_shop_cannot_match(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("id,email\nc1,Ann@Example.com\nc2, ann@example.com\nc3,bob@example.com\n")
    found = []
    for name in ("one", "two"):
        engine = Engine.open(Settings.load(environ={}, store=f"sqlite:///{tmp_path}/{name}.db"))
        for _ in range(2):
            jobs.load(engine, {"customers": tmp_path / "customers.csv"})
        found.append([engine.get(Customer, (id,)).email for id in ("c1", "c2", "c3")])
        engine.close()
        assert b"example" not in (tmp_path / f"{name}.db").read_bytes().lower()
    one, two = found
    assert one[0] == one[1] != one[2]
    assert not set(one) & set(two)
