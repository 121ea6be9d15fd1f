"""``kith tune``: what it tries, keeps, publishes, and how it goes on."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

from engine import jobs
from engine.backup import backup, restore
from engine.engine import Engine
from engine.settings import Settings
from engine.tuning import Tuned, Wanted, remembered, tune
from graph.errors import Conflict, Damaged, Refused, Unavailable
from graph.moments import DAY, Moment
from graph.records import Customer, Purchase, Record
from recommend.compare import Difference
from recommend.gate import choose
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.train import fit
from recommend.tune import Tuning
from tests.unit.conftest import Kith
from tests.worlds import NOW, bought, moved_tastes, two_circles

ROOT = Path(__file__).parents[2]
FORGETFUL = TrainingOptions(recency=90 * DAY)
"""Better than the defaults where tastes have moved."""


class Shop:
    """An engine with a clock, and what a tuning of it says."""

    def __init__(self, folder: Path, facts: list[Record]) -> None:
        self.said: list[str] = []
        self.steps: dict[str, list[float]] = {}
        self.now: Moment = NOW
        settings = Settings.load(environ={}, store=f"sqlite:///{folder}/shop.db")
        self.engine = Engine.open(settings, clock=lambda: self.now)
        self.engine.write(facts)

    def tune(self, **wanted: Any) -> Tuned:
        self.said.clear()
        self.steps.clear()
        wanted = {"trials": 1, "jobs": 1, **wanted}
        return tune(self.engine, Wanted(**wanted), say=self.said.append, on_step=self.on_step)

    def on_step(self, step: str, done: float, detail: str = "") -> None:
        self.steps.setdefault(step, []).append(done)

    def publish(self, options: TrainingOptions) -> None:
        """A model trained with these, whatever the gate says."""
        snapshot, live = self.engine.freeze()
        data = TrainingData.of(live)
        choice = choose(data, options, None)
        self.engine.publish(snapshot, fit(data, options, choice.lesson))

    def journal(self) -> list[dict[str, Any]]:
        lines = (self.engine.folder / "tuning/journal.log").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Sixty people in two circles of friends."""
    shop = Shop(tmp_path, two_circles())
    yield shop
    shop.engine.close()


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[Shop]:
    """People whose tastes have moved."""
    shop = Shop(tmp_path, moved_tastes())
    yield shop
    shop.engine.close()


class TestStudy:
    def test_the_defaults_are_tried_first_and_published_if_nothing_is_better(self, shop: Shop) -> None:
        done = shop.tune()
        assert shop.said == [f"trial 1: NDCG@20 {done.ndcg:.4f}, the defaults"]
        assert (done.trials, done.options, done.gain, done.refused, done.epoch) == (1, {}, None, False, 1)
        assert shop.engine.readiness().model == done.model

    def test_every_better_one_is_told_and_the_best_is_published_and_remembered(self, shop: Shop) -> None:
        done = shop.tune(trials=6)
        reached = [float(line.split("NDCG@20 ")[1][:6]) for line in shop.said]
        assert reached == sorted(reached)
        assert reached[-1] == pytest.approx(done.ndcg, abs=1e-4)
        found = remembered(shop.engine, TrainingOptions())
        assert found is not None
        assert {name: value for name, value in found.as_json().items() if name in done.options} == done.options

    def test_the_published_options_are_tried_as_well(self, moved: Shop) -> None:
        moved.publish(FORGETFUL)
        done = moved.tune(trials=2)
        assert "recency 90 days" in moved.said[1]
        assert (done.options, done.gain, done.epoch) == ({"recency": 90 * DAY}, None, 1)

    def test_one_process_and_one_seed_find_the_same_however_often_they_stop(self, tmp_path: Path) -> None:
        found = []
        for name, stops in (("one", (10,)), ("two", (2, 8, 9, 10))):
            shop = Shop(tmp_path / name, two_circles())
            for trials in stops:
                done = shop.tune(trials=trials, seed=7, publish=False)
                shop.now += DAY // 24  # facts that are equal are taken as of the moment at which the study began
            found.append(done)
            shop.engine.close()
        assert found[0] == found[1]
        assert (found[0].trials, found[0].model, found[0].epoch) == (10, None, None)

    def test_another_seed_is_another_study(self, shop: Shop) -> None:
        assert shop.tune(trials=2, seed=1).study != shop.tune(trials=2, seed=2).study

    def test_it_goes_on_with_the_trials_that_are_there(self, shop: Shop) -> None:
        first = shop.tune(trials=2)
        again = shop.tune(trials=2)
        assert shop.said == ["going on with 2 trials that are done"]
        assert (first.new, again) == (True, replace(first, new=False))
        assert shop.engine.shelf.names() == ["000001"]
        assert shop.tune(trials=3).trials == 3

    def test_a_fresh_one_forgets_them(self, shop: Shop) -> None:
        shop.tune(trials=3)
        assert shop.tune(trials=1, fresh=True).trials == 1
        assert shop.said[0].startswith("trial 1: ")
        assert shop.said[0].endswith("the defaults")

    def test_new_facts_begin_a_study_with_the_best_of_earlier_ones(self, moved: Shop) -> None:
        moved.publish(FORGETFUL)
        first = moved.tune(trials=2)
        moved.engine.write([bought("c000", "0-00", NOW - DAY)])
        moved.publish(TrainingOptions())
        second = moved.tune(trials=2)
        assert second.study != first.study
        assert moved.said[0] == "the facts are new: a new study begins, with the best options of earlier ones (1)"
        assert moved.said[2].endswith(", recency 90 days")

    def test_other_rules_of_evidence_are_another_study(self, tmp_path: Path) -> None:
        shop = Shop(tmp_path, two_circles())
        first = shop.tune().study
        shop.engine.rules = type(shop.engine.rules)(min_buyers=5)
        assert shop.tune().study != first
        shop.engine.close()

    def test_two_processes_do_not_try_the_same(self, shop: Shop) -> None:
        done = shop.tune(trials=12, jobs=2)
        tried: dict[int, list[tuple[str, float]]] = {}
        for line in shop.journal():
            if "param_name" in line:
                tried.setdefault(line["trial_id"], []).append((line["param_name"], line["param_value_internal"]))
        assert done.trials == len(tried) == 12
        assert len({tuple(sorted(params)) for params in tried.values()}) == 12

    def test_when_the_time_is_over_the_trials_that_run_are_waited_for(self, shop: Shop) -> None:
        done = shop.tune(trials=None, minutes=0.001, jobs=2)
        assert 1 <= done.trials <= 2

    def test_every_step_is_told_to_the_end(self, moved: Shop) -> None:
        moved.publish(FORGETFUL)
        moved.tune(trials=3)
        assert [*moved.steps][:2] == ["reading the graph", "trying options"]
        for step, done in moved.steps.items():
            assert done == sorted(done), step
            assert done[-1] == 1.0, step

    def test_no_copy_of_the_facts_is_left(self, shop: Shop) -> None:
        shop.tune()
        left = {path.name for path in (shop.engine.folder / "tuning").iterdir()}
        assert left == {".lock", "journal.log", "study.json", "tuned.json"}

    def test_a_backup_takes_the_trials_along_and_the_study_goes_on_from_it(self, shop: Shop, tmp_path: Path) -> None:
        first = shop.tune(trials=2)
        backup(shop.engine, tmp_path / "backup.tar")
        restored = Settings.load(environ={}, store=f"sqlite:///{tmp_path}/drill.db")
        restore(tmp_path / "backup.tar", restored)
        engine = Engine.open(restored, clock=lambda: NOW + DAY)
        assert tune(engine, Wanted(trials=2, jobs=1), say=shop.said.append) == replace(first, new=False)
        engine.close()

    def test_half_a_line_and_a_lock_of_a_process_that_was_killed_do_no_harm(self, shop: Shop) -> None:
        shop.tune(trials=2)
        journal = shop.engine.folder / "tuning/journal.log"
        journal.write_bytes(journal.read_bytes() + b'{"op_code":4,"worker_')
        journal.with_name("journal.log.lock").symlink_to(journal)
        assert shop.tune(trials=3).trials == 3

    def test_a_process_that_is_killed_ends_the_study_with_a_sentence(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = Tuning.run

        def killed(tuning: Tuning, limits: Any) -> Any:
            for trial in whole(tuning, limits):
                for child in active_children():
                    child.kill()
                yield trial

        monkeypatch.setattr(Tuning, "run", killed)
        with pytest.raises(Unavailable, match=r"run kith tune again.*--jobs 1"):
            shop.tune(trials=9)
        monkeypatch.undo()
        assert shop.tune(trials=3).trials == 3
        assert "going on with" in shop.said[0]


class TestGate:
    def test_what_is_worse_is_neither_published_nor_remembered(self, moved: Shop) -> None:
        moved.publish(FORGETFUL)
        done = moved.tune(trials=1)
        assert (done.refused, done.model, done.epoch) == (True, None, None)
        assert done.gain is not None
        assert done.gain.upper < 0
        assert remembered(moved.engine, TrainingOptions()) is None
        assert moved.engine.readiness().epoch == 1

    def test_what_is_better_is_published(self, moved: Shop) -> None:
        moved.publish(FORGETFUL)
        moved.tune(trials=2, publish=False)
        moved.publish(TrainingOptions())
        done = moved.tune(trials=2)
        assert (done.refused, done.epoch) == (False, 3)
        assert done.gain is not None
        assert done.gain.lower > 0

    def test_training_takes_what_was_tuned_unless_told_otherwise(self, moved: Shop) -> None:
        moved.publish(FORGETFUL)
        moved.tune(trials=2)
        tuned = jobs.train(moved.engine, seed=3)
        assert (tuned.options, tuned.differing["recency"], tuned.gain) == ("tuned", 90 * DAY, None)
        plain = jobs.train(moved.engine, defaults=True)
        assert (plain.options, "recency" in plain.differing, plain.gain) == ("defaults", False, None)

    def test_training_keeps_the_published_options_where_those_wanted_are_worse(self, moved: Shop) -> None:
        moved.publish(FORGETFUL)
        done = jobs.train(moved.engine)
        assert (done.options, done.differing["recency"], done.epoch) == ("published", 90 * DAY, 2)
        assert isinstance(done.gain, Difference)
        assert done.as_dict()["gain"]["upper"] < 0

    def test_a_published_model_that_cannot_be_read_is_left_out_of_account(self, moved: Shop) -> None:
        moved.publish(FORGETFUL)
        (moved.engine.folder / "epochs/000001/model/manifest.json").unlink()
        assert jobs.train(moved.engine).options == "defaults"

    @pytest.mark.parametrize(("text", "said"), [("{", "cannot be read"), ('{"factors": 3}', "another version")])
    def test_what_was_tuned_and_cannot_be_read_is_said(self, shop: Shop, text: str, said: str) -> None:
        (shop.engine.folder / "tuning").mkdir(parents=True)
        (shop.engine.folder / "tuning/tuned.json").write_text(text)
        with pytest.raises(Damaged, match=said):
            jobs.train(shop.engine)
        assert jobs.train(shop.engine, defaults=True).options == "defaults"


class TestRefusals:
    @pytest.mark.parametrize(
        ("facts", "people"),
        [
            ([], 0),
            ([Customer(id="c1"), Purchase(id="1", customer="c1", product="p1")], 0),
            ([bought(f"c{i}", f"p{j}") for i in range(9) for j in range(4)], 9),
        ],
        ids=["empty", "one", "tiny"],
    )
    def test_too_little_says_what_is_missing(self, tmp_path: Path, facts: list[Record], people: int) -> None:
        shop = Shop(tmp_path, facts)
        with pytest.raises(Refused, match=rf": {people} customers have bought two products or more.* at least 50"):
            shop.tune()
        shop.engine.close()

    def test_two_at_a_time_are_one_too_many(self, shop: Shop) -> None:
        folder = shop.engine.folder / "tuning"
        folder.mkdir(parents=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(Conflict, match="another kith tune"):
                shop.tune()
        assert shop.tune().trials == 1


class TestCommand:
    def test_it_says_what_it_found_and_what_became_of_it(self, kith: Kith, moved: Shop) -> None:
        store = ("--store", moved.engine.settings.store, "tune", "--jobs", "1")
        assert "not published, as asked" in kith(*store, "--trials", "1", "--no-publish").out
        found = kith(*store, "--trials", "1")
        assert found.out.splitlines() == [
            found.out.splitlines()[0],
            f"published {moved.engine.readiness().model}, epoch 1; kith train takes these options from now on",
        ]
        assert found.out.startswith("best of 1 trials: NDCG@20 0.")
        moved.publish(FORGETFUL)
        kept = kith(*store, "--trials", "1")
        assert "against the published options, person by person: -0." in kept.out
        assert "not published: the published options rank better, beyond the interval" in kept.out

    def test_an_empty_store_is_1_and_starts_nothing(self, kith: Kith) -> None:
        done = kith("--store", "sqlite:///empty.db", "tune")
        assert done.code == 1
        assert "kith: too little to tune on: 0 customers" in done.err

    @pytest.mark.parametrize("wrong", ["--trials 0", "--jobs 0", "--minutes 0", "--seed -1"])
    def test_figures_that_make_no_sense_are_2(self, kith: Kith, wrong: str) -> None:
        assert kith("tune", *wrong.split()).code == 2

    def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(self, kith: Kith, moved: Shop) -> None:
        store = ("--store", moved.engine.settings.store)
        # a shell has what it starts in the background ignore Ctrl-C, and children inherit that
        hears = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        code = hears + "from engine.cli import main; main()"
        command = [sys.executable, "-c", code, *store, "tune", "--minutes", "5"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert running.stderr is not None
        assert running.stderr.readline().startswith("trial 1: ")
        os.killpg(running.pid, signal.SIGINT)  # what a terminal does: every process hears it
        said = running.communicate(timeout=60)[1]
        assert running.returncode == 75
        assert said.splitlines()[-1] == "stopped; the trials that were done are kept: kith tune goes on with them"
        assert "Traceback" not in said
        assert "leaked" not in said
        assert moved.engine.shelf.current() is None
        assert "going on with" in kith(*store, "tune", "--trials", "1").err

    def test_the_process_that_holds_the_store_has_one_sqlite_library(self, moved: Shop) -> None:
        code = (
            "import sys; from engine.cli import main\n"
            "try: main()\n"
            "finally: print([name for name in ('optuna', 'sqlite3', '_sqlite3') if name in sys.modules], 'apsw' in sys.modules)"
        )
        command = [
            sys.executable,
            "-c",
            code,
            "--store",
            moved.engine.settings.store,
            "tune",
            "--trials",
            "2",
            "--json",
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
        assert json.loads(done.stdout.splitlines()[0])["trials"] == 2
        assert done.stdout.splitlines()[1] == "[] True"
        assert done.stderr == ""
