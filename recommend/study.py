"""What a study tries and remembers. Trials lie in Optuna's journal, a file to which lines are added.

Optuna brings along the SQLite library of Python, and a process that has opened a store must have one such library only:
therefore it is imported where it is used, which is in the worker processes of `recommend.tune`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graph.evidence import EvidenceRules
from graph.live import LiveGraph
from graph.moments import Moment
from graph.records import Purpose
from graph.sensitive import Sensitive
from graph.snapshot import Snapshot
from recommend.interest import TrainingData
from recommend.options import TrainingOptions
from recommend.space import RECENCIES, RECENCY, SPANS, TIMED, options_of, params_of
from recommend.train import SEARCHED, learn

if TYPE_CHECKING:
    import optuna

EARLIER = 3
"""Of so many earlier studies, the best trial is tried again on new facts."""


@dataclass(frozen=True)
class Ground:
    """The facts of a study, as every process finds them on disk, and the rules under which they are read."""

    facts: Path
    as_of: Moment
    rules: EvidenceRules
    presumed: Sequence[Purpose]
    sensitive: Sensitive

    def data(self) -> TrainingData:
        """What scorers learn from; the arrays are memory-mapped, so that processes share them."""
        snapshot = replace(Snapshot.load(self.facts), as_of=self.as_of)
        live = LiveGraph(snapshot, now=self.as_of, rules=self.rules, presumed=self.presumed, sensitive=self.sensitive)
        return TrainingData.of(live)


@dataclass(frozen=True)
class Study:
    """What is tried, and where it is kept.

    Attributes
    ----------
    journal
        The file with the trials of this and of other studies.
    name
        Of this one: the same name goes on with the trials that are there.
    base
        Gives the seed, the people asked, and every option that is not tuned.
    first
        Options that are tried before all others.
    fresh
        Forget the trials that are there.
    """

    journal: Path
    name: str
    base: TrainingOptions
    first: Sequence[TrainingOptions]
    fresh: bool = False


class Trial(NamedTuple):
    """Options, and the mean of NDCG@20 that they reach on people with a history, whose weights were learned from others.

    The weights of newcomers are learned in each trial as well; they do not decide.
    """

    number: int
    options: TrainingOptions
    ndcg: float


class Opened(NamedTuple):
    """The trials that a study has already, and how many options of earlier studies it begins with."""

    trials: Sequence[Trial]
    earlier: int


def begin(study: Study, *, timed: bool) -> Opened:
    """Prepare a study for its trials, whatever state an earlier run left it in."""
    import optuna
    from optuna.trial import TrialState

    storage = _storage(study)
    there = study.name in optuna.get_all_study_names(storage)
    if there and study.fresh:
        optuna.delete_study(study_name=study.name, storage=storage)
    earlier = [] if there or study.fresh else [options_of(params, study.base) for params in _best(storage)]
    opened = open_study(study)
    for trial in opened.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        opened.tell(trial.number, state=TrialState.FAIL)  # its process is gone
    likely = [replace(study.base, **change) for change in SEARCHED]
    for options in (*study.first, *earlier, *likely):
        _want(opened, params_of(options, timed=timed))
    done = opened.get_trials(states=(TrialState.COMPLETE,))
    trials = [Trial(one.number, options_of(one.params, study.base), one.value or 0.0) for one in done]
    return Opened(trials, len(earlier))


def open_study(study: Study) -> optuna.Study:
    """The study as the journal has it."""
    import optuna

    return optuna.create_study(
        study_name=study.name, storage=_storage(study), direction="maximize", load_if_exists=True
    )


def attempt(opened: optuna.Study, study: Study, data: TrainingData, place: int) -> Trial:
    """Try the options that promise most now; ``place`` tells processes apart, so that no two try the same.

    The sampler is made anew each time, from the seed and how many trials are done: a study that was interrupted goes on
    as if it had not been.
    """
    import optuna
    from optuna.trial import TrialState

    done = len(opened.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    seed = np.random.SeedSequence([study.base.seed, done, place]).generate_state(1)[0]
    opened.sampler = optuna.samplers.TPESampler(seed=int(seed))
    trial = opened.ask(_distributions(timed=data.timed))
    options = options_of(trial.params, study.base)
    lesson = learn(data, options)
    assert lesson is not None, "there are enough people"
    for name, value in lesson.metrics.items():
        trial.set_user_attr(name, value)
    ndcg = float(lesson.known.figures.mean())
    opened.tell(trial, ndcg)
    return Trial(trial.number, options, ndcg)


def _storage(study: Study) -> optuna.storages.BaseStorage:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.storages.JournalStorage(JournalFileBackend(str(study.journal)))


def _best(storage: optuna.storages.BaseStorage) -> list[dict[str, Any]]:
    """Parameters of the best trials of earlier studies, the latest first."""
    import optuna

    found = [
        (summary.datetime_start, summary.best_trial.params)
        for summary in optuna.get_all_study_summaries(storage)
        if summary.datetime_start is not None and summary.best_trial is not None
    ]
    found.sort(key=lambda one: one[0], reverse=True)
    return [params for _, params in found[:EARLIER]]


def _want(opened: optuna.Study, params: dict[str, float | None]) -> None:
    """Have parameters tried before those that the sampler would choose, unless they were or will be."""
    from optuna.trial import TrialState

    tried = opened.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.WAITING))
    if params not in [trial.system_attrs.get("fixed_params") for trial in tried]:
        opened.enqueue_trial(params)


def _distributions(*, timed: bool) -> dict[str, optuna.distributions.BaseDistribution]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, optuna.distributions.BaseDistribution] = {
        name: IntDistribution(low, int(high), log=True)
        if isinstance(low, int)
        else FloatDistribution(low, high, log=True)
        for name, (low, high) in {**SPANS, **(TIMED if timed else {})}.items()
    }
    if timed:
        found[RECENCY] = CategoricalDistribution(RECENCIES)
    return found
