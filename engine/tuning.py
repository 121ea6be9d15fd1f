"""``kith tune``: a study of options on the facts of a shop, and what later trainings know of it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

from engine.console import OnStep, silent
from engine.engine import Engine
from engine.epochs import Epoch, differing, in_words, published
from graph.artefact import read_manifest, write_whole
from graph.errors import Conflict, Damaged, Refused
from graph.moments import Moment
from recommend.compare import Difference
from recommend.gate import Choice, choose
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.space import FIGURES, figures_of
from recommend.study import Ground, Opened, Study, Trial
from recommend.train import fit
from recommend.tune import Limits, Tuning
from recommend.validation import Validation

FOLDER, JOURNAL, FACTS = "tuning", "journal.log", ".facts"
"""In the data folder of a shop; facts lie there only while a study runs, hidden, so that no backup takes them along."""

TUNED, STUDY = "tuned.json", "study.json"
MINUTES = 10.0
"""How long a study runs if nobody says otherwise."""

Say = Callable[[str], None]
Served = tuple[str | None, int | None, bool]
"""A model, its epoch, and whether that is new."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked a tuning for; without ``minutes`` and ``trials``, `MINUTES`."""

    minutes: float | None = None
    trials: int | None = None
    seed: int = 42
    jobs: int = 2
    publish: bool = True
    fresh: bool = False

    @property
    def limits(self) -> Limits:
        """When to stop."""
        unlimited = inf if self.trials else MINUTES
        return Limits(self.trials or inf, 60 * (self.minutes or unlimited))


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a tuning found.

    Attributes
    ----------
    trials, ndcg
        How many there are, and what the best of them reaches on validation.
    options
        Of the best, where they differ from the defaults.
    gain
        Over the published options; None if they are the same, or nothing is published.
    refused
        The published options were better, beyond the interval.
    model, epoch
        The model with these options, and the epoch in which it is current; None if it was not published.
    new
        Whether that epoch is new; not if the one before was of these facts and options.
    """

    study: str
    trials: int
    ndcg: float
    options: Mapping[str, Any]
    gain: Difference | None
    refused: bool
    model: str | None
    epoch: int | None
    new: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        gain = None if self.gain is None else self.gain._asdict()
        return {name: getattr(self, name) for name in self.__slots__} | {"gain": gain}


def tune(engine: Engine, wanted: Wanted, *, say: Say, on_step: OnStep = silent) -> Tuned:
    """Try options on the present facts, remember the best, and publish a model with them unless they are worse.

    Raises
    ------
    graph.errors.Refused
        There are too few people with a history.
    graph.errors.Conflict
        Another tuning of this shop is running.
    graph.errors.Unavailable
        A trial ended before it was done.
    """
    before, base = published(engine), TrainingOptions(seed=wanted.seed)
    with _folder(engine) as folder:
        on_step("reading the graph", 0.0)
        ground, study = _study(engine, folder, base, before, fresh=wanted.fresh)
        data = ground.data()
        _check(data, base)
        on_step("reading the graph", 1.0)
        trials = _trials(study, ground, wanted, say, on_step)
        best = max(trials, key=lambda trial: (trial.ndcg, -trial.number))
        choice = choose(data, best.options, None if before is None else before.model.options, progress=on_step)
        if not choice.refused:
            _remember(folder, best.options)
        served: Served = None, None, False
        if wanted.publish and not choice.refused:
            served = _publish(engine, ground, choice, before, on_step)
    return Tuned(study.name, len(trials), best.ndcg, _found(best.options), choice.gain, choice.refused, *served)


def remembered(engine: Engine, base: TrainingOptions) -> TrainingOptions | None:
    """The options that the last tuning found best, what is not tuned as in ``base``; None if there was no tuning.

    Raises
    ------
    graph.errors.Damaged
        The file cannot be read.
    """
    path = engine.folder / FOLDER / TUNED
    found = _read(path)
    if found is None:
        return None
    if set(found) != set(FIGURES):
        raise Damaged(f"{path} is of another version: run kith tune again, or kith train --defaults")
    return replace(base, **found)


def _remember(folder: Path, options: TrainingOptions) -> None:
    write_whole(folder / TUNED, json.dumps(figures_of(options), indent=1).encode())


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Damaged(f"{path} cannot be read ({error}); remove it and run kith tune again") from error
    return found


@contextmanager
def _folder(engine: Engine) -> Iterator[Path]:
    """Where studies of a shop are kept, for one tuning at a time; its copy of the facts is gone afterwards."""
    folder = engine.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another kith tune works in {folder}: wait for it, or stop it with Ctrl-C") from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder / FACTS, ignore_errors=True)


def _study(
    engine: Engine, folder: Path, base: TrainingOptions, before: Epoch | None, *, fresh: bool
) -> tuple[Ground, Study]:
    """The facts on disk, and the study that belongs to them: facts that are equal go on with their earlier moment."""
    snapshot, _ = engine.freeze()
    shutil.rmtree(folder / FACTS, ignore_errors=True)
    snapshot.save(folder / FACTS)
    facts = hashlib.sha256(json.dumps(read_manifest(folder / FACTS)[0], sort_keys=True).encode()).hexdigest()
    earlier = _read(folder / STUDY) or {}
    as_of: Moment = earlier["as_of"] if earlier.get("facts") == facts else snapshot.as_of
    write_whole(folder / STUDY, json.dumps({"facts": facts, "as_of": as_of}).encode())
    presumed = tuple(engine.settings.presumed_purposes)
    decisive = [facts, as_of, repr(engine.rules), presumed, TrainingOptions().as_json()]
    digest = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:12]
    first = [base] if before is None else [base, replace(base, **figures_of(before.model.options))]  # type: ignore[arg-type]
    ground = Ground(folder / FACTS, as_of, engine.rules, presumed, engine.sensitive)
    return ground, Study(folder / JOURNAL, f"facts {digest}, seed {base.seed}", base, first, fresh)


def _check(data: TrainingData, options: TrainingOptions) -> None:
    if not Validation.folds(data, options):
        people = int((data.fans.getnnz(1) > 1).sum())
        raise Refused(
            f"too little to tune on: {people:,} customers have bought two products or more, it takes at least "
            f"{options.validation_least}; load more purchases (kith load), until then kith train does what it can"
        )


def _trials(study: Study, ground: Ground, wanted: Wanted, say: Say, on_step: OnStep) -> list[Trial]:
    limits, began = wanted.limits, time.perf_counter()
    with Tuning(study, ground, jobs=wanted.jobs) as tuning:
        _introduce(tuning.opened, say)
        trials = [*tuning.opened.trials]
        best = max((trial.ndcg for trial in trials), default=-inf)
        for trial in tuning.run(limits):
            trials.append(trial)
            if trial.ndcg > best:
                say(_improvement(trial, best))
                best = trial.ndcg
            passed = (time.perf_counter() - began) / limits.seconds
            done = max(min(passed, 1.0), len(trials) / limits.trials)
            on_step("trying options", done, f"{len(trials)} trials, best {best:.4f}")
    on_step("trying options", 1.0, f"{len(trials)} trials, best {best:.4f}")
    return trials


def _introduce(opened: Opened, say: Say) -> None:
    if opened.trials:
        say(f"going on with {len(opened.trials)} trials that are done")
    elif opened.earlier:
        say(f"the facts are new: a new study begins, with the best options of earlier ones ({opened.earlier})")


def _improvement(trial: Trial, before: float) -> str:
    gained = "" if before == -inf else f" ({trial.ndcg - before:+.4f})"
    return f"trial {trial.number + 1}: NDCG@20 {trial.ndcg:.4f}{gained}, {in_words(_found(trial.options))}"


def _found(options: TrainingOptions) -> dict[str, Any]:
    """What a study found to be other than the defaults."""
    return {name: value for name, value in differing(options).items() if name in FIGURES}


def _publish(engine: Engine, ground: Ground, choice: Choice, before: Epoch | None, on_step: OnStep) -> Served:
    """A model with the options chosen, and its epoch: the current one if it is of the same facts and options."""
    data, facts = ground.data(), read_manifest(ground.facts)[0]
    learned = None if choice.lesson is None else choice.lesson.options
    if before is not None and (before.facts, before.model.options) == (facts, learned):
        return before.model.id, before.number, False
    model = fit(data, choice.options, choice.lesson, progress=on_step)
    return model.id, engine.publish(data.snapshot, model), True
