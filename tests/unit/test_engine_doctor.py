"""What ``kith doctor`` finds, each on a shop that really has it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine import doctor, jobs
from engine.doctor import Finding, examine
from engine.engine import SPOOL, Engine
from engine.settings import Settings
from graph.errors import Invalid
from graph.records import Customer
from graph.stores import open_store
from graph.stores.spool import Spool
from tests.graph_database import cypher, empty_neo4j


def open_engine(folder: Path) -> Engine:
    return Engine.open(Settings.load(environ={}, store=f"sqlite:///{folder}/shop.db"))


@pytest.fixture
def engine(shop: Path) -> Iterator[Engine]:
    engine = open_engine(shop)
    yield engine
    engine.close()


def found(engine: Engine, what: str) -> Finding:
    return next(finding for finding in examine(engine) if finding.what == what)


def test_each_look_is_reported_once_and_in_order(engine: Engine) -> None:
    assert [finding.what for finding in examine(engine)] == [*doctor.CHECKS]
    assert all(finding.detail for finding in examine(engine))


def test_it_counts_what_the_store_holds(engine: Engine) -> None:
    assert "200 customers" in found(engine, "store").detail
    engine.write([Customer(id="one more")])
    assert "201 customers" in found(engine, "store").detail


def test_a_system_without_what_training_needs_is_told_what_to_install(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(engine, "training") == Finding("ok", "training", "its library loads")

    def missing() -> type[object]:
        raise ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(doctor, "load_library", missing)
    finding = found(engine, "training")
    assert finding.state == "failed"
    assert "(libgomp.so.1: cannot open shared object file: No such file or directory): install" in finding.detail


def test_keys_in_use_are_counted_without_the_revoked_ones(engine: Engine) -> None:
    assert found(engine, "API keys").state == "warning"
    for name in ("web", "till"):
        _, key = engine.keys.create(name, ["storefront"])
    assert found(engine, "API keys") == Finding("ok", "API keys", "2 in use")
    engine.keys.revoke(key.id)
    assert found(engine, "API keys").detail == "1 in use"


def test_a_damaged_list_of_keys_fails_and_the_other_looks_go_on(engine: Engine) -> None:
    (engine.folder / "keys.json").write_text("{")
    failed = [finding.what for finding in examine(engine) if finding.state == "failed"]
    assert failed == ["API keys"]
    assert "restore it from a backup" in found(engine, "API keys").detail


@pytest.mark.parametrize("part", ["snapshot", "model"])
def test_one_flipped_bit_of_the_model_is_found(engine: Engine, part: str) -> None:
    file = max((engine.folder / "epochs/000001" / part).rglob("*.npy"), key=lambda path: path.stat().st_size)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert found(engine, "model").state == "failed"
    assert "train again" in found(engine, "model").detail or "kith train" in found(engine, "model").detail


def test_it_says_which_epoch_serves_in_place_of_a_damaged_one(engine: Engine) -> None:
    jobs.train(engine)
    (engine.folder / "epochs/000002/model/manifest.json").unlink(missing_ok=True)
    for file in (engine.folder / "epochs/000002/model").rglob("*.json"):
        file.write_text("{")
    finding = found(engine, "model")
    assert finding.state == "failed"
    assert "epoch 000002 is damaged, 1 serves instead" in finding.detail


def test_facts_that_wait_for_a_store_are_counted(engine: Engine) -> None:
    assert found(engine, "waiting facts") == Finding("ok", "waiting facts", "none")
    with closing(Spool(engine.folder / SPOOL)) as spool:
        spool.append([Customer(id="a"), Customer(id="b")])
    finding = found(engine, "waiting facts")
    assert (finding.state, finding.detail.startswith("2 wait for the store")) == ("warning", True)


def test_facts_that_the_store_refused_are_counted(engine: Engine) -> None:
    def refuse(facts: object) -> None:
        raise Invalid("this store wants no customers")

    with closing(Spool(engine.folder / SPOOL)) as spool:
        spool.append([Customer(id="a")])
        spool.drain(refuse)
    finding = found(engine, "waiting facts")
    assert (finding.state, finding.detail.startswith("1 were refused")) == ("warning", True)


def test_edits_by_hand_that_cannot_be_facts_are_told(neo4j_url: str, tmp_path: Path) -> None:
    with closing(Engine(Settings(store=neo4j_url, data_dir=tmp_path), empty_neo4j(neo4j_url), lambda: 0)) as engine:
        cypher(neo4j_url, "CREATE (:Customer {id: 'fine'})")
        assert found(engine, "edits by hand").state == "ok"
        cypher(neo4j_url, "CREATE (:Customer {name: 'Nobody'})")
    with closing(Engine(Settings(store=neo4j_url, data_dir=tmp_path), open_store(neo4j_url), lambda: 0)) as engine:
        finding = found(engine, "edits by hand")
        assert finding.state == "warning"
        assert "1 cannot be facts, the first: Customer made by hand has no id" in finding.detail


def test_a_disk_that_is_nearly_full_is_a_warning(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(engine, "disk space").state == "ok"
    monkeypatch.setattr(doctor, "SCARCE_BYTES", 2**60)
    assert found(engine, "disk space").state == "warning"


def test_space_is_looked_up_where_the_folder_is_going_to_be(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "not/yet")
    assert str(tmp_path) in found(engine, "disk space").detail
    engine.close()


def test_another_package_that_ships_one_of_our_names_is_named(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site/recommend_this-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: recommend-this\nVersion: 1.0\n")
    (installed / "RECORD").write_text("recommend/__init__.py,,\n")
    (installed / "top_level.txt").write_text("recommend\n")
    assert found(engine, "package names").state == "ok"
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    finding = found(engine, "package names")
    assert (finding.state, "recommend (recommend-this)" in finding.detail) == ("failed", True)
