"""What each part of a model adds: the same people are asked again with parts taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from graph.live import LiveGraph
from graph.snapshot import Ties
from influence.rewire import rewired
from recommend.evaluate import Report, evaluate
from recommend.model import Model
from recommend.progress import Progress, silent
from recommend.scorers.blend import FALLBACK, Blend, Weights
from recommend.split import Truth

Fit = Callable[[LiveGraph, Progress], Model]
"""Trains a model as the whole one was trained."""


class Variant(NamedTuple):
    """A model with a part taken away, and the graph that it serves from."""

    name: str
    model: Model
    live: LiveGraph


def ablations(
    model: Model,
    live: LiveGraph,
    truth: Truth,
    fit: Fit,
    *,
    ks: tuple[int, ...],
    seed: int,
    progress: Progress = silent,
) -> dict[str, Report]:
    """Evaluate every variant, by name.

    ``popularity``; ``no_friends`` and ``rewired_friends``, trained and served on a graph without friendships and on one
    with other ones; then ``only_X`` and ``without_X`` for each scorer X, which are the whole model with other weights.

    Parameters
    ----------
    model, live, truth, ks
        As in `recommend.evaluate.evaluate`.
    fit
        How the variants that learn from other friendships are trained.
    seed
        Of the rewiring.
    progress
        Told about every step.
    """
    return {
        name: evaluate(changed, graph, truth, ks=ks, progress=_named(progress, name))
        for name, changed, graph in variants(model, live, fit, seed=seed, progress=progress)
    }


def variants(model: Model, live: LiveGraph, fit: Fit, *, seed: int, progress: Progress = silent) -> Iterator[Variant]:
    """The variants of `ablations`; without friendships in the graph there is nothing to take away or to rewire."""
    yield Variant("popularity", replace(model, blend=only(FALLBACK)), live)
    yield from _friends(live, fit, seed, progress)
    for name in model.scorers:
        if name != FALLBACK:
            yield Variant(f"only_{name}", replace(model, blend=only(name)), live)
    for name in model.scorers:
        if name in {**model.blend.known, **model.blend.new}:
            yield Variant(f"without_{name}", replace(model, blend=without(name, model.blend)), live)


def _friends(live: LiveGraph, fit: Fit, seed: int, progress: Progress) -> Iterator[Variant]:
    if not len(live.snapshot.ties.friend):
        return
    alone = with_ties(live, no_ties(live.snapshot.ties))
    yield Variant("no_friends", fit(alone, _named(progress, "no_friends")), alone)
    others = with_ties(live, rewired(live.snapshot.ties, seed))
    yield Variant("rewired_friends", fit(others, _named(progress, "rewired_friends")), others)


def only(name: str) -> Blend:
    """One scorer for everybody; who it has nothing to say to gets what is popular."""
    return Blend({name: 1.0}, {name: 1.0})


def without(name: str, blend: Blend) -> Blend:
    """All scorers but one, with their weights."""

    def rest(weights: Weights) -> Weights:
        return {other: weight for other, weight in weights.items() if other != name}

    return Blend(rest(blend.known), rest(blend.new))


def with_ties(live: LiveGraph, ties: Ties) -> LiveGraph:
    """The same people and purchases with other friendships."""
    return live.over(replace(live.snapshot, ties=ties))


def no_ties(ties: Ties) -> Ties:
    """Nobody is anybody's friend."""
    return Ties(ties.starts * 0, ties.friend[:0], ties.since[:0])


def _named(progress: Progress, name: str) -> Progress:
    """Steps of one variant have bars of their own."""
    return lambda step, fraction: progress(f"{step} ({name.replace('_', ' ')})", fraction)
