"""From facts to a model: hold a part out, learn figures and weights on it, then fit everything on all facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from threadpoolctl import threadpool_limits

from graph.live import LiveGraph
from graph.moments import DAY
from recommend.interest import TrainingData
from recommend.metrics import Figures, standard_error
from recommend.model import SCORERS, Model
from recommend.options import TrainingOptions
from recommend.progress import Progress, silent
from recommend.scorer import Scorer
from recommend.scorers.als import Als
from recommend.scorers.blend import FALLBACK, Blend
from recommend.scorers.friends import Friends
from recommend.scorers.friends_taste import FriendsTaste
from recommend.scorers.items import ItemModel
from recommend.scorers.popular import Popular, Trending
from recommend.validation import Validation
from recommend.weights import Ballots, Learned, cross_fitted, learn_guarded, standard_errors

SEARCHED: tuple[Mapping[str, Any], ...] = (
    {"damping": 0.0},
    {"damping": 0.5},
    {"factors": 32},
    {"factors": 128},
    {"regularization": 30.0, "alpha": 10.0},
    {"regularization": 50.0, "alpha": 20.0},
    {"regularization": 200.0, "alpha": 80.0},
)
"""Changes of the factorisation, tried one after the other."""

RECENCIES = (90 * DAY, 365 * DAY)
WIDTHS = (50, 100)
"""Of the item model, tried beside the one of the options."""

FOR_NEWCOMERS: tuple[type[Scorer], ...] = (FriendsTaste, Friends, Popular, Trending)
"""Scorers that have something to say to somebody without a history."""

SOCIAL = frozenset(("friends", "friends_taste"))
"""Scorers through which friends enter."""

POPULARITY = Blend({FALLBACK: 1.0}, {FALLBACK: 1.0})
NOBODY = Learned({FALLBACK: 1.0}, np.zeros(0), None)
"""For too little data to learn from."""


@dataclass(frozen=True)
class Lesson:
    """What was learned on the part held out.

    Attributes
    ----------
    options
        With everything that was chosen filled in.
    known, new
        Weights and figures for people with a history, and for newcomers: people from whom theirs was taken.
    """

    options: TrainingOptions
    known: Learned
    new: Learned

    @property
    def blend(self) -> Blend:
        """The weights."""
        return Blend(self.known.weights, self.new.weights)

    @property
    def metrics(self) -> dict[str, float]:
        """The figures, each with its standard error."""
        found = {"customers": float(len(self.known.figures))}
        for name, learned in (("", self.known), (" of newcomers", self.new)):
            if not len(learned.figures):
                continue
            found[f"ndcg@20{name}"] = float(learned.figures.mean())
            found[f"ndcg@20{name}, standard error"] = standard_error(learned.figures)
            if learned.trust is not None:
                found[f"trust in friends{name}"] = learned.trust
        return found


def train(live: LiveGraph, options: TrainingOptions | None = None, *, progress: Progress = silent) -> Model:
    """Learn everything that answers need.

    Parameters
    ----------
    live
        The graph; nothing may have happened since its snapshot. Its rules say whose behaviour may reach friends.
    options
        Figures of the training.
    progress
        Told about every step.
    """
    options, data = options or TrainingOptions(), TrainingData.of(live)
    return fit(data, options, learn(data, options, progress=progress), progress=progress)


def fit(data: TrainingData, options: TrainingOptions, lesson: Lesson | None, *, progress: Progress = silent) -> Model:
    """The model of everything, as a lesson says; popularity without one."""
    blend, metrics, figures = POPULARITY, dict[str, float](), NOBODY.figures
    if lesson is not None:
        options, blend, metrics, figures = lesson.options, lesson.blend, lesson.metrics, lesson.known.figures
    progress("fitting on everything", 0.0)
    with threadpool_limits(1, "blas"):
        scorers = fitted(data, options)
    progress("fitting on everything", 1.0)
    return Model(scorers, blend, options, metrics, figures, data.snapshot.customers, data.snapshot.products)


def learn(data: TrainingData, options: TrainingOptions, *, progress: Progress = silent) -> Lesson | None:
    """Choose what is open in the options, then the weights; None if there is too little data."""
    with threadpool_limits(1, "blas"):  # more threads than free cores make many small products ten times slower
        folds, strangers = Validation.folds(data, options), Validation.newcomers(data, options)
        if not folds:
            return None
        if options.search:
            options = _searched(folds[0], options, progress)
        ballots = []
        for done, fold in enumerate(folds):
            progress("learning weights", done / (len(folds) + 1))
            scorers = fitted(fold.data, options)
            if done == 0:
                options = _narrowed(fold, scorers, options)
            ballots.append(Ballots.of(_asked(scorers, options), fold))
        progress("learning weights", len(folds) / (len(folds) + 1))
        known, new = learn_guarded(Ballots.joined(ballots), SOCIAL), NOBODY
        if strangers is not None:
            scorers = _asked(fitted(strangers.data, options, FOR_NEWCOMERS), options)
            new = learn_guarded(Ballots.of(scorers, strangers), SOCIAL)
        progress("learning weights", 1.0)
        return Lesson(options, known, new)


def _asked(scorers: Mapping[str, Scorer], options: TrainingOptions) -> dict[str, Scorer]:
    return {name: scorer for name, scorer in scorers.items() if options.friends or name not in SOCIAL}


def fitted(data: TrainingData, options: TrainingOptions, kinds: Sequence[type[Scorer]] = SCORERS) -> dict[str, Scorer]:
    """Every scorer that may take part, by name."""
    scorers: dict[str, Scorer] = {kind.name: kind() for kind in kinds}
    for scorer in scorers.values():
        scorer.fit(data, options)
    return scorers


def _searched(validation: Validation, options: TrainingOptions, progress: Progress) -> TrainingOptions:
    """The factorisation that ranks best with popularity beside it; each change has to be shown to be better."""
    popular = Popular()
    popular.fit(validation.data, options)

    def ranked(trial: TrainingOptions) -> Figures:
        als = Als()
        als.fit(validation.data, trial)
        ballots = Ballots.of({als.name: als, popular.name: popular}, validation)
        return cross_fitted(ballots, ballots.names)

    changes = [*SEARCHED, *({"recency": half_life} for half_life in RECENCIES if validation.data.timed)]
    best, reached = options, ranked(options)
    for done, change in enumerate(changes):
        progress("searching settings", done / len(changes))
        trial = replace(best, **change)
        figures = ranked(trial)
        if standard_errors(figures - reached) > 1:
            best, reached = trial, figures
    progress("searching settings", 1.0)
    return best


def _narrowed(validation: Validation, scorers: dict[str, Scorer], options: TrainingOptions) -> TrainingOptions:
    """The narrowest item model that is not shown to rank worse; ``scorers`` gets it."""
    items = cast(ItemModel, scorers[ItemModel.name])
    wide = validation.figures(items)
    for width in WIDTHS:
        narrow = items.narrowed(width)
        if width < options.item_width and standard_errors(wide - validation.figures(narrow)) < 1:
            scorers[narrow.name] = narrow
            return replace(options, item_width=width)
    return options
