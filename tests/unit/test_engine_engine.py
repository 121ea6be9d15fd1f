"""The engine: what it serves, what it does when parts of it break."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer, get_ident

import pytest

from engine import backup as backups
from engine import jobs
from engine.doctor import examine
from engine.engine import Engine
from engine.settings import Settings
from graph.errors import Conflict, Damaged, Invalid, NotFound, NotReady, Unavailable
from graph.moments import DAY, HOUR, SECOND
from graph.records import Customer, Like, Purchase, Record, View
from graph.stores.memory import MemoryStore
from loaders.demo import sample_shop
from recommend.query import Query
from tests.tampered import Tampered

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


class Watched(Tampered):
    """Counts how often it is read in the background, where a reading can be held up or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0
        self.go_on, self.began = Event(), Event()
        self.go_on.set()
        self.fails: Exception | None = None
        self.away = self.closed = False
        self._thread = get_ident()

    def check(self):
        health = super().check()
        if get_ident() != self._thread:
            self.readings += 1
            self.began.set()
            assert self.go_on.wait(20)
            if self.fails:
                raise self.fails
        return health

    def read(self, kind, *, columns=None, until=None):
        assert not self.closed
        return super().read(kind, columns=columns, until=until)

    def changes(self, since, limit=10_000):
        if self.away:
            raise Unavailable("no such luck")
        return super().changes(since, min(limit, 50))  # so that a tail has several parts

    def close(self) -> None:
        self.closed = True


class TestFactsDeletedOutsideKith:
    """No tombstone tells which; the store is read anew while answers go on."""

    @pytest.fixture
    def store(self) -> Watched:
        store = Watched()
        for facts in sample_shop(now=NOW, customers=60, products=66).facts():
            store.write(facts)
        return store

    @pytest.fixture
    def engine(self, store: Watched) -> Iterator[Engine]:
        engine = Engine.open(Settings.load(environ={}, store="memory://"), store=store, clock=Clock())
        jobs.train(engine)
        yield engine
        store.go_on.set()
        engine.close()

    @staticmethod
    def bought_by(store: Watched, customer: str = "c1", kind: type[Record] = Purchase) -> list[tuple[str]]:
        rows = [row for batch in store.read(kind) for row in batch.records()]
        return [(row.id,) for row in rows if row.customer == customer]

    @staticmethod
    def owned(engine: Engine, customer: str = "c1") -> list[str]:
        live = engine._serving.live
        return live.products.names(live.owned(live.customers.position(customer)))

    @staticmethod
    def settle(engine: Engine) -> None:
        """Ask once the reading has ended, so that it is taken."""
        engine._reading[1].exception(20)
        products(engine)

    def test_they_leave_the_answers_of_a_running_server(self, engine: Engine, store: Watched) -> None:
        assert products(engine)
        assert self.owned(engine)
        before = engine.readiness()
        store.lose(Purchase, *self.bought_by(store))
        store.lose(Like, *self.bought_by(store, kind=Like))
        products(engine)
        self.settle(engine)
        assert self.owned(engine) == []
        reasons = {
            reason.type
            for item in engine.recommend(Query(customer="c1")).recommendations.items
            for reason in item.reasons
        }
        assert not reasons & {"taste", "similar_to"}
        assert engine.readiness() == before
        assert store.readings == 1

    def test_answers_go_on_meanwhile_and_hear_news(self, engine: Engine, store: Watched) -> None:
        first = products(engine)[0]
        had = self.owned(engine)
        store.go_on.clear()
        store.lose(Purchase, self.bought_by(store)[0])
        assert products(engine)
        assert store.began.wait(20)
        engine.write([Purchase(id="new", customer="c1", product=first, at=NOW)])
        assert first not in products(engine)
        assert self.owned(engine) == sorted([*had, first])
        store.go_on.set()
        self.settle(engine)
        assert first in self.owned(engine)
        assert first not in products(engine)

    def test_what_is_written_after_the_reading_is_known_at_the_swap(self, engine: Engine, store: Watched) -> None:
        first = products(engine)[0]
        store.lose(Purchase, *self.bought_by(store))
        products(engine)
        engine._reading[1].result(20)
        engine.write([Purchase(id="new", customer="c1", product=first, at=NOW)])
        assert first not in products(engine)
        assert self.owned(engine) == [first]

    def test_many_losses_during_a_reading_lead_to_one_more(self, engine: Engine, store: Watched) -> None:
        products(engine)
        keys = self.bought_by(store)
        store.go_on.clear()
        store.lose(Purchase, keys[0])
        products(engine)
        assert store.began.wait(20)
        for key in keys[1:]:
            store.lose(Purchase, key)
            engine.now.now += SECOND
            products(engine)
        store.go_on.set()
        self.settle(engine)
        engine.now.now += SECOND
        products(engine)
        self.settle(engine)
        for _ in range(3):
            engine.now.now += SECOND
            products(engine)
        assert self.owned(engine) == []
        assert engine._reading is None
        assert store.readings == 2

    @pytest.mark.parametrize("error", [Unavailable("no such luck"), ValueError("odd")], ids=["away", "odd"])
    def test_a_reading_that_fails_is_tried_again_at_a_later_poll(
        self, engine: Engine, store: Watched, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        products(engine)
        store.fails = error
        store.lose(Purchase, *self.bought_by(store))
        products(engine)
        self.settle(engine)
        assert str(error) in caplog.text
        assert ("Traceback" in caplog.text) == isinstance(error, ValueError)
        assert not engine.readiness().degraded
        products(engine)
        assert store.readings == 1
        store.fails = None
        engine.now.now += SECOND
        products(engine)
        self.settle(engine)
        assert (self.owned(engine), store.readings) == ([], 2)

    def test_what_was_read_waits_until_the_store_tells_its_news(self, engine: Engine, store: Watched) -> None:
        products(engine)
        had = self.owned(engine)
        store.lose(Purchase, *self.bought_by(store))
        products(engine)
        engine._reading[1].result(20)
        store.away = True
        for _ in range(3):
            engine.now.now += SECOND
            assert engine.recommend(Query(customer="c1")).degraded
        assert self.owned(engine) == had
        store.away = False
        assert not engine.recommend(Query(customer="c1")).degraded
        assert (self.owned(engine), store.readings) == ([], 1)

    def test_a_model_published_before_the_loss_is_served_at_once_and_put_right(
        self, engine: Engine, store: Watched
    ) -> None:
        store.lose(Purchase, *self.bought_by(store))
        store.go_on.clear()
        assert products(engine)
        assert self.owned(engine)
        store.go_on.set()
        self.settle(engine)
        assert self.owned(engine) == []

    def test_a_model_published_meanwhile_wins(self, engine: Engine, store: Watched) -> None:
        products(engine)
        keys = self.bought_by(store)
        store.go_on.clear()
        store.lose(Purchase, *keys[1:])
        products(engine)
        assert store.began.wait(20)
        jobs.train(engine, seed=7)
        engine.now.now += SECOND
        assert engine.readiness().epoch == 2
        served = engine._serving.live
        store.go_on.set()
        self.settle(engine)
        assert engine._serving.live is served
        assert len(self.owned(engine)) == 1
        engine.now.now += SECOND
        products(engine)
        assert (engine._reading, store.readings) == (None, 1)

    def test_going_back_to_a_model_from_before_the_loss_reads_anew(self, engine: Engine, store: Watched) -> None:
        store.lose(Purchase, *self.bought_by(store))
        jobs.train(engine, seed=7)
        products(engine)
        assert (self.owned(engine), store.readings) == ([], 0)
        engine.roll_back()
        engine.now.now += SECOND
        products(engine)
        assert self.owned(engine)
        self.settle(engine)
        assert (self.owned(engine), store.readings) == ([], 1)

    def test_the_next_loss_after_a_reading_is_put_right_as_well(self, engine: Engine, store: Watched) -> None:
        for who in ("c1", "c2", "c3"):
            store.lose(Customer, (who,))
            products(engine)
            self.settle(engine)
            assert engine._serving.live.customer_name(engine._serving.live.customers.position(who)) is None
            assert products(engine, who)
        assert store.readings == 3

    def test_a_loss_of_what_no_answer_depends_on_is_passed_over(self, engine: Engine, store: Watched) -> None:
        store.write([View(id="v", customer="c1", product="p1")])
        products(engine)
        store.lose(View, ("v",))
        products(engine)
        assert (engine._reading, store.readings) == (None, 0)

    def test_closing_waits_for_a_reading(self, engine: Engine, store: Watched) -> None:
        products(engine)
        store.go_on.clear()
        store.lose(Purchase, *self.bought_by(store))
        products(engine)
        assert store.began.wait(20)
        reading = engine._reading[1]
        Timer(0.2, store.go_on.set).start()
        engine.close()
        assert reading.result(0).customers
        assert store.closed


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
