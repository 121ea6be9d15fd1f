"""From facts to a model: hold a part out, learn strengths and weights on it, then fit everything on all facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from threadpoolctl import threadpool_limits

from graph.live import LiveGraph
from recommend.interest import TrainingData
from recommend.model import SCORERS, Model
from recommend.options import TrainingOptions
from recommend.scorer import Scorer
from recommend.scorers.als import Als
from recommend.scorers.blend import FALLBACK, Blend
from recommend.validation import Validation
from recommend.weights import Ballots, helps, learn_guarded

Progress = Callable[[str, float], None]
"""Called with the name of a step and the fraction of it that is done."""

FRIEND_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 15.0, 40.0)
SEARCHED = ((10.0, 5.0), (10.0, 10.0), (10.0, 20.0), (30.0, 10.0), (30.0, 20.0), (50.0, 20.0))
"""Regularisation and alpha."""

SEARCH_PEOPLE = 5_000
"""How many people a search asks: more of them gain as much as any finer model."""

POPULARITY = Blend({FALLBACK: 1.0}, {FALLBACK: 1.0})
"""For too little data to learn from."""


def silent(step: str, fraction: float) -> None:
    """No progress shown."""


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
    with threadpool_limits(1, "blas"):  # more threads than free cores make many small products ten times slower
        people = SEARCH_PEOPLE if options.search else options.validation_customers
        validation = Validation.of(data, replace(options, validation_customers=people))
        blend, metrics = POPULARITY, dict[str, float]()
        if validation is not None:
            options, blend, metrics = _learn(validation, options, progress)
        progress("fitting on everything", 0.0)
        scorers = fitted(data, options)
    progress("fitting on everything", 1.0)
    return Model(scorers, blend, options, metrics, live.snapshot.customers, live.snapshot.products)


def fitted(data: TrainingData, options: TrainingOptions) -> dict[str, Scorer]:
    """Every scorer, by name."""
    scorers: dict[str, Scorer] = {kind.name: kind() for kind in SCORERS}
    for scorer in scorers.values():
        scorer.fit(data, options)
    return scorers


def _learn(
    validation: Validation, options: TrainingOptions, progress: Progress
) -> tuple[TrainingOptions, Blend, dict[str, float]]:
    if options.search:
        options = _search(validation, options, progress)
    progress("learning weights", 0.0)
    scorers = fitted(validation.data, options)
    options = _friend_strength(validation, scorers, options)
    progress("learning weights", 0.4)
    known = Ballots.known(scorers, validation)
    blend = Blend(learn_guarded(known, {"friends"}), {})
    progress("learning weights", 0.8)
    new = Ballots.new(scorers, validation)
    blend = replace(blend, new=learn_guarded(new, {"taste", "friends"}))
    metrics = {
        "ndcg@20": float(known.figures(blend.known).mean()),
        "ndcg@20 of newcomers": float(new.figures(blend.new).mean()),
        "ndcg@20 of taste alone": float(known.figures({"taste": 1.0}).mean()),
        "customers": float(len(validation.customers)),
    }
    progress("learning weights", 1.0)
    return options, blend, metrics


def _search(validation: Validation, options: TrainingOptions, progress: Progress) -> TrainingOptions:
    """The best regularisation and alpha for the factorisation alone."""
    tried: list[tuple[float, TrainingOptions]] = []
    for done, (regularization, alpha) in enumerate(SEARCHED):
        progress("searching settings", done / len(SEARCHED))
        trial = replace(options, regularization=regularization, alpha=alpha)
        als = Als()
        als.fit(validation.data, replace(trial, friend_strength=0.0))
        tried.append((float(validation.figures(als).mean()), trial))
    progress("searching settings", 1.0)
    return max(tried, key=lambda one: one[0])[1]


def _friend_strength(validation: Validation, scorers: dict[str, Scorer], options: TrainingOptions) -> TrainingOptions:
    """How strongly friends pull a taste; 0 unless it is shown to help. ``scorers`` gets the factorisation with that
    pull."""
    if options.friend_strength is not None:
        return options
    als = cast(Als, scorers["taste"])
    alone = validation.figures(als)
    best, strength = alone, 0.0
    for trial in FRIEND_STRENGTHS:
        figures = validation.figures(als.with_friends(trial, options.friend_steps))
        if helps(figures - alone) and figures.mean() > best.mean():
            best, strength = figures, trial
    scorers[als.name] = als.with_friends(strength, options.friend_steps)
    return replace(options, friend_strength=strength)
