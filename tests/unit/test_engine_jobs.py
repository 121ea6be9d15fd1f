"""The long work of a shop, the sample shop above all: made once, used again, and never at the cost of another shop."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import jobs
from engine.commands import serving
from engine.engine import Engine
from engine.settings import Settings
from graph.errors import Conflict, Invalid, NotReady, Refused
from graph.exchange import export
from graph.records import Customer, Product, Purchase
from recommend.query import Query
from tests.unit.conftest import NOW, Kith

SMALL = {"customers": 60, "products": 80}


def demo_settings(folder: Path) -> Settings:
    return Settings.load(environ={}, store=f"sqlite:///{folder}/shop.db")


def open_demo(folder: Path) -> Engine:
    return Engine.open(demo_settings(folder), clock=lambda: NOW)


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    engine = open_demo(folder)
    said = jobs.prepare_demo(engine, seed=7, now=NOW, **SMALL)
    engine.close()
    assert said == "made a sample shop of 60 customers and 80 products"
    return folder


@pytest.fixture
def made(_made: Path, tmp_path: Path) -> Path:
    """A folder with a small sample shop."""
    return shutil.copytree(_made, tmp_path / "made")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_demo(tmp_path / "new")
    yield engine
    engine.close()


def holdings(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestSampleShop:
    def test_it_answers_for_everybody_as_soon_as_it_is_made(self, made: Path) -> None:
        engine = open_demo(made)
        for customer in ("c1", "c30", "c60"):
            items = engine.recommend(Query(customer=customer, limit=10)).recommendations.items
            assert len(items) == 10
            assert all(item.name and item.price and item.reasons for item in items)
        engine.close()

    def test_every_step_is_told_from_beginning_to_end(self, engine: Engine) -> None:
        steps: dict[str, list[float]] = {}
        jobs.prepare_demo(
            engine,
            seed=7,
            now=NOW,
            **SMALL,
            on_step=lambda step, done, detail="": steps.setdefault(step, []).append(done),
        )
        assert [*steps][:2] == ["loading the sample shop", "reading the graph"]
        assert len(steps) > 2
        for step, done in steps.items():
            assert done == sorted(done), step
            assert done[-1] == 1.0, step

    def test_a_whole_one_is_used_again(self, made: Path) -> None:
        jobs.clear_demo(demo_settings(made), fresh=False)
        engine = open_demo(made)
        before = engine.store.check().counts
        assert "using the shop made earlier" in jobs.prepare_demo(engine, seed=99, now=NOW, **SMALL)
        assert (engine.store.check().counts, engine.readiness().epoch) == (before, 1)
        engine.close()

    def test_one_whose_making_was_interrupted_is_made_anew(self, made: Path) -> None:
        shutil.rmtree(made / "shop.db.d/epochs")
        engine = open_demo(made)
        engine.write([Customer(id="left over")])
        engine.close()
        jobs.clear_demo(demo_settings(made), fresh=False)
        assert list(made.iterdir()) == []
        engine = open_demo(made)
        jobs.prepare_demo(engine, seed=7, now=NOW, **SMALL)
        assert engine.get(Customer, ("left over",)) is None
        engine.close()

    def test_a_fresh_one_leaves_nothing_of_the_one_before_and_nothing_else_is_touched(self, made: Path) -> None:
        (made / "notes.txt").write_text("mine")
        (made / "shop.db-wal").write_bytes(b"")
        jobs.clear_demo(demo_settings(made), fresh=True)
        assert holdings(made) == {"notes.txt": b"mine"}

    def test_where_there_is_nothing_there_is_nothing_to_clear(self, tmp_path: Path) -> None:
        jobs.clear_demo(demo_settings(tmp_path / "absent"), fresh=True)
        assert not (tmp_path / "absent").exists()

    @pytest.mark.parametrize(
        "fact", [Customer(id="real"), Product(id="real"), Purchase(id="1", customer="real", product="p1")], ids=repr
    )
    def test_the_store_of_another_shop_is_left_alone(self, engine: Engine, fact: Any) -> None:
        engine.write([fact])
        before = engine.store.check().counts
        with pytest.raises(Conflict, match="name an empty store"):
            jobs.prepare_demo(engine, seed=7, now=NOW, **SMALL)
        assert engine.store.check().counts == before
        with pytest.raises(NotReady):
            engine.recommend(Query(customer="c1"))

    def test_the_same_seed_and_moment_make_the_same_shop(self, made: Path, engine: Engine) -> None:
        jobs.prepare_demo(engine, seed=7, now=NOW, **SMALL)
        earlier = open_demo(made)
        for kind, key in ((Customer, "c9"), (Product, "p9")):
            assert engine.get(kind, (key,)) == earlier.get(kind, (key,))
        answers = [one.recommend(Query(customer="c9")).recommendations for one in (engine, earlier)]
        assert answers[0] == answers[1]
        earlier.close()


class TestDemoCommand:
    """``kith demo`` up to the moment it would serve; a whole one runs in the tests of the README."""

    @pytest.fixture(autouse=True)
    def _small_and_silent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = jobs.prepare_demo
        monkeypatch.setattr(jobs, "prepare_demo", lambda engine, **more: whole(engine, **more, **SMALL))
        monkeypatch.setattr(serving, "_serve", lambda *_: None)

    def test_the_second_one_uses_the_shop_of_the_first(self, kith: Kith, tmp_path: Path) -> None:
        first, second = (kith("demo", "--port", "0") for _ in range(2))
        assert (first.code, second.code) == (0, 0)
        assert "made a sample shop of 60 customers" in first.err
        assert "using the shop made earlier in sqlite:///demo/shop.db" in second.err
        assert [path.name for path in tmp_path.iterdir()] == ["demo"]

    @pytest.mark.parametrize("flag", ["--fresh", "--seed 8", "--now 2026-01-01"])
    def test_another_shop_is_made_where_another_is_asked_for(self, kith: Kith, flag: str) -> None:
        kith("demo", "--port", "0")
        assert "made a sample shop" in kith("demo", "--port", "0", *flag.split()).err

    def test_instant_evidence_is_said_aloud(self, kith: Kith) -> None:
        assert "not what a real shop should do" in kith("demo", "--port", "0", "--instant-evidence").err
        assert "real shop" not in kith("demo", "--port", "0").err

    def test_a_folder_that_somebody_named_is_never_removed(self, kith: Kith, tmp_path: Path) -> None:
        (tmp_path / "precious").mkdir()
        (tmp_path / "precious/thesis.txt").write_text("years of work")
        assert kith("--data-dir", "precious", "demo", "--port", "0").code == 0
        assert kith("--data-dir", "precious", "demo", "--port", "0", "--fresh").code == 2
        assert (tmp_path / "precious/thesis.txt").read_text() == "years of work"
        assert not (tmp_path / "kith.db").exists()

    def test_a_shop_that_somebody_named_is_never_removed(self, kith: Kith, shop: Path) -> None:
        (shop / "shop.db.d/epochs/current").unlink()
        before = (shop / "shop.db").read_bytes()
        fresh, other = kith("demo", "--port", "0", "--fresh"), kith("demo", "--port", "0", "--seed", "8")
        assert (fresh.code, "--fresh removes only" in fresh.err) == (2, True)
        assert (other.code, "name an empty store" in other.err) == (1, True)
        assert (shop / "shop.db").read_bytes() == before

    def test_a_port_that_is_taken_costs_no_shop(self, kith: Kith, tmp_path: Path) -> None:
        kith("demo", "--port", "0")
        before = holdings(tmp_path)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = kith("demo", "--port", taken.getsockname()[1], "--fresh")
        assert done.code == 75
        assert holdings(tmp_path) == before


class TestTraining:
    def test_what_was_trained_is_what_is_served(self, made: Path) -> None:
        engine = open_demo(made)
        done = jobs.train(engine, seed=3)
        ready = engine.readiness()
        assert (done.epoch, done.customers, done.products) == (2, 60, 80)
        engine.close()
        again = open_demo(made)
        assert (again.readiness().model, again.readiness().epoch) == (done.model, 2)
        assert ready.ready
        assert set(done.as_dict()) >= {"model", "epoch", "weights", "validation", "cpu_seconds"}
        again.close()

    def test_a_file_that_is_refused_loads_nothing(self, engine: Engine, tmp_path: Path) -> None:
        (tmp_path / "purchases.csv").write_text("customer,product\nc1,p1\n")
        with pytest.raises(Refused):
            jobs.load(
                engine, {"purchases": tmp_path / "purchases.csv", "likes": tmp_path / "no.csv"}, create_missing=True
            )
        with pytest.raises(Invalid):
            jobs.load(engine, {"purchases": tmp_path / "purchases.csv"}, assume_consent=["nonsense"])  # type: ignore[list-item]  # wrong on purpose
        assert not any(engine.store.check().counts.values())

    def test_the_progress_of_a_load_ends_at_all_of_it(self, engine: Engine, files: Path) -> None:
        seen = []
        jobs.load(
            engine,
            {kind: files / f"{kind}.csv" for kind in ("customers", "products", "purchases")},
            on_step=lambda step, done, detail="": seen.append((step, done)),
        )
        assert {step for step, _ in seen} == {"loading"}
        assert [done for _, done in seen] == sorted(done for _, done in seen)
        assert seen[-1][1] == 1.0
        assert jobs.peak_memory_mb() > 20

    @pytest.mark.parametrize("held", ["a shop", "nothing"])
    def test_a_whole_graph_is_checked_then_loaded_and_both_are_told_to_the_end(
        self, made: Path, engine: Engine, tmp_path: Path, held: str
    ) -> None:
        source = open_demo(made if held == "a shop" else tmp_path / "none")
        export(source.store, tmp_path / "out", "parquet")
        steps: dict[str, list[float]] = {}
        reports = jobs.load_graph(
            engine, tmp_path / "out", on_step=lambda step, done, detail="": steps.setdefault(step, []).append(done)
        )
        assert engine.store.check().counts == source.store.check().counts
        assert {report.kind: report.accepted for report in reports} == dict(source.store.check().counts)
        assert [*steps] == ["checking the files", "loading"]
        for done in steps.values():
            assert done == sorted(done)
            assert done[-1] == 1.0
        source.close()

    def test_a_copy_of_the_graph_recommends_what_the_shop_does(
        self, made: Path, engine: Engine, tmp_path: Path
    ) -> None:
        source = open_demo(made)
        export(source.store, tmp_path / "out", "parquet")
        jobs.load_graph(engine, tmp_path / "out")
        answers = []
        for shop in (source, engine):
            jobs.train(shop, seed=3)
            asked = (shop.recommend(Query(customer=f"c{n}", limit=20)) for n in range(1, 61))
            answers.append([answer.recommendations for answer in asked])
        assert answers[0] == answers[1]
        assert all(answer.items for answer in answers[0])
        source.close()
