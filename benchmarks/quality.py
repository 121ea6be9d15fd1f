"""Ranking quality on the fixed LastFM split: what the defaults reach, beside factorisation alone."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from benchmarks.measure import DATA, conditions
from engine.evaluation import conditions as rules
from engine.evaluation import read_split
from engine.settings import Settings
from graph.freeze import freeze
from graph.live import LiveGraph
from graph.moments import utcnow
from recommend.evaluate import Truth, evaluate
from recommend.model import Model
from recommend.options import TrainingOptions
from recommend.scorers.blend import Blend
from recommend.train import train

ALONE = Blend({"taste": 1.0}, {"popular": 1.0})


def main() -> None:
    """Test part scored once per row; every parameter was chosen on a validation part of train."""
    folder = DATA / "lastfm-split"
    if not folder.is_dir():
        print(f"\nLastFM split: not measured, {folder} is absent")
        return
    settings, now = Settings.load(environ={}), utcnow()
    files = {"purchases": folder / "train.csv", "friends": folder / "friends.csv"}
    split = read_split(files, folder / "test.csv", settings, now)
    (under,) = rules(settings, None, consents=False)
    snapshot = freeze(split.store, now=now)
    live = LiveGraph(snapshot, now=now, rules=under.rules, presumed=under.presumed)
    print(f"\nLastFM, SocialLGN split, full ranking without train items ({conditions()}; seed 42)")
    print(f"  {'model':44} {'R@10':>7} {'N@10':>7} {'R@20':>7} {'N@20':>7} {'CPU s':>7}")
    library = TrainingOptions(regularization=0.01, alpha=1.0, friend_strength=0.0)
    began = time.process_time()
    _row("ALS, defaults of the library", replace(train(live, library), blend=ALONE), live, split.truth, began)
    began = time.process_time()
    alone = train(live, TrainingOptions(friend_strength=0.0, search=True))
    _row("ALS alone, searched", replace(alone, blend=ALONE), live, split.truth, began)
    began = time.process_time()
    _row("kith train (defaults, no search)", train(live), live, split.truth, began)
    began = time.process_time()
    _row("kith evaluate (with search)", train(live, TrainingOptions(search=True)), live, split.truth, began)


def _row(title: str, model: Model, live: LiveGraph, truth: Truth, began: float) -> None:
    fitted = time.process_time() - began
    found = evaluate(model, live, truth, ks=(10, 20)).known
    figures = np.array([found[name] for name in ("recall@10", "ndcg@10", "recall@20", "ndcg@20")])
    print(f"  {title:44} " + " ".join(f"{figure:7.4f}" for figure in figures) + f" {fitted:7.1f}")
