"""Backups that are spoiled, hostile, or have no room: nothing is left half restored, and the right thing is blamed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import backup as backups
from engine import jobs
from engine.engine import Engine
from engine.settings import Settings
from graph.errors import Conflict, Damaged, Invalid, Unavailable
from graph.records import Customer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(shop: Path) -> Iterator[Engine]:
    engine = Engine.open(Settings.load(environ={}, store=f"sqlite:///{shop}/shop.db"))
    yield engine
    engine.close()


@pytest.fixture
def saved(engine: Engine, tmp_path: Path) -> Path:
    backups.backup(engine, tmp_path / "shop.tar")
    return tmp_path / "shop.tar"


def there(folder: Path) -> Settings:
    return Settings.load(environ={}, store=f"sqlite:///{folder}/new/again.db")


def members(source: Path) -> dict[str, bytes]:
    with tarfile.open(source) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def write(target: Path, contents: dict[str, bytes], *more: tarfile.TarInfo) -> None:
    with tarfile.open(target, "w") as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in more:
            archive.addfile(member)


def test_it_holds_the_store_the_current_model_and_the_keys_and_nothing_else(engine: Engine, tmp_path: Path) -> None:
    engine.keys.create("web", ["admin"])
    jobs.train(engine)
    (engine.folder / "epochs/.fresh-000009").mkdir()
    (engine.folder / "epochs/.fresh-000009/half").write_text("x")
    done = backups.backup(engine, tmp_path / "shop.tar")
    names = set(members(tmp_path / "shop.tar"))
    assert {"sums.json", "store.db", "data/keys.json", "data/epochs/current"} <= names
    assert {name.split("/")[2] for name in names if name.startswith("data/epochs/")} == {"current", "000002"}
    assert done == {"files": len(names) - 1, "bytes": (tmp_path / "shop.tar").stat().st_size}


@pytest.mark.parametrize("part", ["store.db", "sums.json", "data/epochs/current"])
def test_a_part_that_is_missing_is_noticed(saved: Path, tmp_path: Path, part: str) -> None:
    contents = members(saved)
    del contents[part]
    write(saved, contents)
    with pytest.raises(Damaged, match=r"shop\.tar"):
        backups.restore(saved, there(tmp_path))
    assert list((tmp_path / "new").iterdir()) == []


def test_a_part_that_was_swapped_is_named(saved: Path, tmp_path: Path) -> None:
    write(saved, {**members(saved), "data/epochs/current": b"000009"})
    with pytest.raises(Damaged, match="data/epochs/current"):
        backups.restore(saved, there(tmp_path))


def test_one_of_another_version_is_left_to_that_version(saved: Path, tmp_path: Path) -> None:
    contents = members(saved)
    contents["sums.json"] = json.dumps({**json.loads(contents["sums.json"]), "format": 2}).encode()
    write(saved, contents)
    with pytest.raises(Damaged, match="another version"):
        backups.restore(saved, there(tmp_path))


@pytest.mark.parametrize("sums", [b"[]", b"{}", b"null", b'{"format": 1, "sha256": {}}', b'{"format": 1, "sha256": 7}'])
def test_a_list_of_sums_that_lists_nothing_is_no_backup(saved: Path, tmp_path: Path, sums: bytes) -> None:
    write(saved, {**members(saved), "sums.json": sums})
    with pytest.raises(Damaged, match=r"shop\.tar"):
        backups.restore(saved, there(tmp_path))
    assert not (tmp_path / "new/again.db").exists()


def test_a_hostile_archive_writes_nothing_outside(saved: Path, tmp_path: Path) -> None:
    link = tarfile.TarInfo("data/link")
    link.type, link.linkname = tarfile.SYMTYPE, "../../../outside"
    for name, more in (("../../escaped", ()), ("/escaped", ()), ("harmless", (link,))):
        write(saved, {**members(saved), name: b"x"}, *more)
        with pytest.raises(Damaged):
            backups.restore(saved, there(tmp_path))
        assert not list(tmp_path.rglob("escaped"))
        assert not list((tmp_path / "new").iterdir())


def test_without_room_the_disk_is_blamed_and_not_the_backup(saved: Path, tmp_path: Path) -> None:
    code = (
        "import resource; from engine.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); main()"
    )
    command = [sys.executable, "-c", code, "--store", f"sqlite:///{tmp_path}/new/again.db", "restore", str(saved)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (75, "")
    assert "free some space" in done.stderr
    assert list((tmp_path / "new").iterdir()) == []
    assert backups.restore(saved, there(tmp_path))["files"] > 3


def test_a_folder_of_models_that_is_there_is_not_replaced(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "new/again.db.d").mkdir(parents=True)
    with pytest.raises(Conflict, match=r"again\.db\.d exists"):
        backups.restore(saved, there(tmp_path))
    assert not (tmp_path / "new/again.db").exists()


def test_models_kept_elsewhere_are_restored_elsewhere(saved: Path, tmp_path: Path) -> None:
    settings = Settings.load(environ={}, store=f"sqlite:///{tmp_path}/b.db", data_dir=tmp_path / "models/of/b")
    backups.restore(saved, settings)
    again = Engine.open(settings)
    assert again.readiness().ready
    assert again.get(Customer, ("c1",)) is not None
    assert not (tmp_path / "b.db.d").exists()
    again.close()


def test_a_store_alone_is_a_backup_too(tmp_path: Path) -> None:
    engine = Engine.open(Settings.load(environ={}, store=f"sqlite:///{tmp_path}/young.db"))
    engine.write([Customer(id="only")])
    assert backups.backup(engine, tmp_path / "deep/er/young.tar")["files"] == 1
    engine.close()
    backups.restore(tmp_path / "deep/er/young.tar", there(tmp_path))
    again = Engine.open(there(tmp_path))
    assert again.get(Customer, ("only",)) == Customer(id="only")
    again.close()


def test_a_target_below_a_file_is_said_to_be_unwritable(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot write beside"):
        backups.backup(engine, tmp_path / "file/shop.tar")
    with pytest.raises(Invalid, match="exists"):
        backups.backup(engine, tmp_path / "file")
