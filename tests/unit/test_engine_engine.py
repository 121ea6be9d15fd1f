"""The engine: what it serves, what it does when parts of it break."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import backup as backups
from engine import jobs
from engine.doctor import examine
from engine.engine import Engine
from engine.settings import Settings
from graph.errors import Conflict, Damaged, Invalid, NotFound, NotReady, Unavailable
from graph.moments import DAY, HOUR, SECOND
from graph.records import Purchase
from graph.stores.memory import MemoryStore
from loaders.demo import sample_shop
from recommend.query import Query

NOW = 20_780 * DAY + 9 * HOUR


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small shop on which a model was trained."""
    folder = tmp_path_factory.mktemp("trained")
    engine = open_engine(folder)
    for facts in sample_shop(now=NOW, customers=200, products=100).facts():
        engine.write(facts)
    jobs.train(engine)
    engine.close()
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy of it to do anything with."""
    return shutil.copytree(trained, tmp_path / "shop")


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    engine = open_engine(folder)
    yield engine
    engine.close()


def open_engine(folder: Path, **settings: object) -> Engine:
    return Engine.open(Settings.load(environ={}, store=f"sqlite:///{folder}/shop.db", **settings), clock=Clock())


def products(engine: Engine, customer: str = "c1") -> list[str]:
    return [item.product for item in engine.recommend(Query(customer=customer)).recommendations.items]


def test_without_a_model_it_takes_facts_and_says_what_is_missing(tmp_path: Path) -> None:
    engine = open_engine(tmp_path)
    engine.write([Purchase(id="e", customer="c1", product="p1")])
    assert not engine.readiness().ready
    with pytest.raises(NotReady, match="kith train"):
        engine.recommend(Query(customer="c1"))
    engine.close()


def test_an_answer_says_what_it_was_made_with(engine: Engine) -> None:
    answer = engine.recommend(Query(customer="c1", limit=5))
    ready = engine.readiness()
    assert (answer.model, answer.epoch, answer.degraded) == (ready.model, 1, False)
    assert len(answer.recommendations.items) == 5
    assert answer.recommendation_id != engine.recommend(Query(customer="c1", limit=5)).recommendation_id


def test_a_purchase_leaves_the_next_answer(engine: Engine) -> None:
    first = products(engine)[0]
    engine.write([Purchase(id="new", customer="c1", product=first, at=NOW)])
    assert first not in products(engine)


def test_another_process_s_purchase_leaves_the_next_answer(engine: Engine, folder: Path) -> None:
    first = products(engine)[0]
    other = open_engine(folder)
    other.write([Purchase(id="new", customer="c1", product=first, at=NOW)])
    other.close()
    assert first not in products(engine)


def test_a_new_model_is_served_within_the_poll_interval(engine: Engine, folder: Path) -> None:
    products(engine)
    other = open_engine(folder)
    jobs.train(other, seed=7)
    other.close()
    assert engine.readiness().epoch == 1
    engine.now.now += SECOND
    assert engine.readiness().epoch == 2


def test_a_damaged_model_is_refused_and_the_one_before_serves_on(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = open_engine(folder)
    jobs.train(first, seed=7)
    first.close()
    spoil = next((folder / "shop.db.d/epochs/000002/model").glob("*.npy"))
    spoil.write_bytes(spoil.read_bytes()[:-1] + b"\x7f")
    engine = open_engine(folder)
    assert engine.readiness().epoch == 1
    assert products(engine)
    assert "000002 is refused" in caplog.text
    engine.close()


def test_without_one_whole_model_it_is_not_ready(folder: Path) -> None:
    shutil.rmtree(folder / "shop.db.d/epochs/000001/snapshot")
    engine = open_engine(folder)
    with pytest.raises(NotReady, match="kith train"):
        engine.recommend(Query(customer="c1"))
    engine.close()


def test_one_goes_back_to_the_model_before(engine: Engine) -> None:
    jobs.train(engine, seed=7)
    assert engine.roll_back() == 1
    assert engine.readiness().epoch == 1
    assert engine.roll_back(2) == 2
    with pytest.raises(NotFound):
        engine.roll_back(9)


def test_there_is_no_way_back_from_the_first_model(engine: Engine) -> None:
    with pytest.raises(NotFound, match="before"):
        engine.roll_back()


def test_answers_go_on_while_the_store_is_away(folder: Path) -> None:
    class Away(MemoryStore):
        away = False

        def changes(self, since, limit=10_000):
            if self.away:
                raise Unavailable("no such luck")
            return super().changes(since, limit)

    store = Away()
    settings = Settings.load(environ={}, store="memory://", data_dir=folder / "shop.db.d")
    engine = Engine.open(settings, store=store, clock=Clock())
    assert not engine.recommend(Query(customer="c1")).degraded
    store.away = True
    assert engine.recommend(Query(customer="c1")).degraded
    assert engine.readiness().degraded
    store.away = False
    assert not engine.recommend(Query(customer="c1")).degraded


def test_a_store_in_memory_keeps_its_models_to_itself() -> None:
    engine = Engine.open(Settings.load(environ={}, store="memory://"), clock=Clock())
    for facts in sample_shop(now=NOW, customers=60, products=66).facts():
        engine.write(facts)
    jobs.train(engine)
    assert products(engine)
    folder = engine.folder
    engine.close()
    assert not folder.exists()


def test_the_rules_of_evidence_are_those_of_the_settings(tmp_path: Path) -> None:
    engine = open_engine(tmp_path, evidence_min_buyers=5, evidence_tie_days=0.5, evidence_epoch_hours=0, minor_age=18)
    assert (engine.rules.min_buyers, engine.rules.tie_age, engine.rules.epoch, engine.rules.minor_age) == (
        5,
        DAY // 2,
        0,
        18,
    )
    engine.close()


class TestBackup:
    def test_a_drill_brings_back_the_same_shop(self, engine: Engine, folder: Path, tmp_path: Path) -> None:
        key, _ = engine.keys.create("web shop", ["storefront"])
        engine.write([Purchase(id="late", customer="c1", product="p1", at=NOW)])
        backups.backup(engine, tmp_path / "shop.tar")
        engine.write([Purchase(id="later", customer="c1", product="p2", at=NOW)])
        settings = Settings.load(environ={}, store=f"sqlite:///{tmp_path}/new/again.db")
        backups.restore(tmp_path / "shop.tar", settings)
        again = Engine.open(settings, clock=Clock())
        assert again.get(Purchase, ("late",)) == engine.get(Purchase, ("late",))
        assert again.get(Purchase, ("later",)) is None
        assert again.keys.verify(key).name == "web shop"
        assert again.readiness().model == engine.readiness().model
        assert products(again, "c2") == products(engine, "c2")
        assert {finding.state for finding in examine(again)} == {"ok"}
        again.close()

    def test_it_holds_every_event_acknowledged_before_it_began_while_others_write(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        acknowledged = []
        for i in range(200):
            engine.write([Purchase(id=f"e{i}", customer=f"n{i}", product="p1")])
            acknowledged.append(f"e{i}")
            if i == 150:
                backups.backup(engine, tmp_path / "shop.tar")
                before = list(acknowledged)
        settings = Settings.load(environ={}, store=f"sqlite:///{tmp_path}/again.db")
        backups.restore(tmp_path / "shop.tar", settings)
        again = Engine.open(settings)
        assert all(again.get(Purchase, (id,)) for id in before)
        again.close()

    def test_nothing_that_exists_is_replaced(self, engine: Engine, folder: Path, tmp_path: Path) -> None:
        backups.backup(engine, tmp_path / "shop.tar")
        with pytest.raises(Invalid, match="exists"):
            backups.backup(engine, tmp_path / "shop.tar")
        with pytest.raises(Conflict, match="exists"):
            backups.restore(tmp_path / "shop.tar", engine.settings)

    def test_a_backup_that_changed_is_refused_and_leaves_nothing(self, engine: Engine, tmp_path: Path) -> None:
        backups.backup(engine, tmp_path / "shop.tar")
        whole = (tmp_path / "shop.tar").read_bytes()
        settings = Settings.load(environ={}, store=f"sqlite:///{tmp_path}/again.db")
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        for spoiled in (whole[:middle], flipped, b"no tar"):
            (tmp_path / "bad.tar").write_bytes(spoiled)
            with pytest.raises(Damaged):
                backups.restore(tmp_path / "bad.tar", settings)
            assert not (tmp_path / "again.db").exists()
            assert not list(tmp_path.glob(".kith-*"))

    def test_a_file_that_is_not_there_is_named(self, engine: Engine, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match=r"nothing\.tar"):
            backups.restore(tmp_path / "nothing.tar", engine.settings)

    def test_a_store_in_memory_has_no_backup(self, tmp_path: Path) -> None:
        engine = Engine.open(Settings.load(environ={}, store="memory://"))
        with pytest.raises(Invalid, match="SQLite"):
            backups.backup(engine, tmp_path / "x.tar")
        engine.close()


class TestDoctor:
    def test_a_healthy_shop_without_keys_gets_one_warning(self, engine: Engine) -> None:
        assert {finding.what for finding in examine(engine) if finding.state == "warning"} == {"API keys"}
        assert not [finding for finding in examine(engine) if finding.state == "failed"]

    def test_a_damaged_model_is_found(self, engine: Engine, folder: Path) -> None:
        shutil.rmtree(folder / "shop.db.d/epochs/000001/model")
        failed = [finding for finding in examine(engine) if finding.state == "failed"]
        assert [finding.what for finding in failed] == ["model"]
        assert "kith train" in failed[0].detail

    def test_an_empty_shop_is_told_what_comes_next(self, tmp_path: Path) -> None:
        engine = open_engine(tmp_path)
        details = " ".join(finding.detail for finding in examine(engine))
        assert "kith load" in details
        assert "kith train" in details
        engine.close()
