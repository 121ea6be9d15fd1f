"""Ranking quality on public splits: models beside each other and beside what was published, newcomers, and friendships that mean
nothing.

Settings and weights are chosen on a validation part of train. The test part answers; it is asked as rarely as can be, and how
often it was is printed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import stats

from benchmarks.measure import DATA, conditions
from engine.evaluation import Conditions, Split, read_split
from engine.evaluation import conditions as rules
from engine.settings import Settings
from graph.live import LiveGraph
from graph.moments import utcnow
from graph.snapshot import Snapshot
from influence.rewire import rewired
from recommend.ablate import no_ties, only, variants, with_ties
from recommend.evaluate import Report, evaluate
from recommend.model import Model
from recommend.options import TrainingOptions
from recommend.scorers.als import Als
from recommend.split import Truth, some_rows
from recommend.train import train

SHOWN = ("recall@10", "ndcg@10", "recall@20", "ndcg@20")
MAIN = "ndcg@20"
SEED = 42
DRAWS = 5
"""How often newcomers are drawn, and friendships rewired."""

NEWCOMERS = 0.1
"""Which share of the test customers loses all purchases."""

LIBRARY = TrainingOptions(factors=100, regularization=0.01, alpha=1.0, damping=0.0, friends=False)
"""Factorisation as the library has it."""


class Published(NamedTuple):
    """A row of somebody else's table, where no figure is given None; ``source`` says whose."""

    model: str
    figures: tuple[float | None, float | None, float | None, float | None]
    source: str


@dataclass
class Benchmark:
    """A public split, and how often its test part was asked in this run."""

    folder: str
    title: str
    published: Sequence[Published]
    asked: int = 0

    def split(self) -> Split | None:
        """Train and test part; None where the data are absent, which is said."""
        folder = DATA / self.folder
        if not folder.is_dir():
            print(f"\n{self.title}: not measured, {folder} is absent")
            return None
        files = {"purchases": folder / "train.csv", "friends": folder / "friends.csv"}
        return read_split(files, folder / "test.csv", Settings.load(environ={}), utcnow())

    def ask(self, model: Model, live: LiveGraph, truth: Truth) -> Report:
        """Score the test part."""
        self.asked += 1
        return evaluate(model, live, truth, ks=(10, 20))

    def close(self) -> None:
        """Say how often the test part was asked."""
        print(f"  the test part of {self.folder} was scored {self.asked} times in this run so far")


SPLITS = (
    Benchmark(
        "lastfm-split",
        "LastFM, SocialLGN split (80/20)",
        (
            Published("SocialLGN", (0.2026, 0.2566, None, None), "SocialLGN, Information Sciences 2022"),
            Published("SocialLGN, rerun", (0.2019, 0.2465, None, None), "a third party's rerun"),
        ),
    ),
    Benchmark(
        "ciao-split",
        "Ciao, RecDiff split (7:1:2, learned from train.csv alone)",
        (
            Published(
                "RecDiff", (0.0457, 0.0361, 0.0712, 0.0419), "RecDiff, CIKM 2024, tables 2 and 3; best test epoch"
            ),
            Published("DSL", (0.0412, 0.0329, 0.0606, 0.0389), "the same tables"),
            Published("MHCN", (0.0343, 0.0286, 0.0621, 0.0378), "the same tables"),
        ),
    ),
)


def main() -> None:
    """All parts."""
    for part in PARTS.values():
        part()


def models() -> None:
    """Each model on each split: R@10, N@10, R@20, N@20 with its interval, seconds of training and of scoring."""
    for benchmark, split, live in _opened():
        print(f"\n{benchmark.title}: full ranking without train items ({conditions()}; seed {SEED})")
        print(
            f"  {'model':30} {'R@10':>7} {'N@10':>7} {'R@20':>7} {'N@20':>7}  {'N@20, 95 %':18} {'train':>7} {'score':>7}"
        )
        began = time.process_time()
        library = replace(train(live, LIBRARY), blend=only(Als.name))
        _row(benchmark, split, "ALS, defaults of the library", library, live, began)
        began = time.process_time()
        model = _fit(live)
        _row(benchmark, split, "kith, as evaluate trains it", model, live, began)
        began = time.process_time()
        for name, changed, graph in variants(model, live, lambda other, _: _fit(other), seed=SEED):
            if not name.startswith("without_"):
                _row(benchmark, split, name.replace("_", " "), changed, graph, began)
            began = time.process_time()
        for row in benchmark.published:
            figures = " ".join(f"{'':7}" if figure is None else f"{figure:7.4f}" for figure in row.figures)
            print(f"  {row.model:30} {figures}  {row.source}")
        print(f"  weights: {', '.join(f'{name} {weight:g}' for name, weight in model.weights.items())}")
        benchmark.close()


def newcomers() -> None:
    """Test customers lose all purchases and keep their friends: NDCG@20 by that of popularity."""
    for benchmark, split, live in _opened():
        print(
            f"\n{benchmark.title}: {NEWCOMERS:.0%} of the test customers as newcomers, {DRAWS} draws ({conditions()})"
        )
        ours, popular = [], []
        for seed in range(DRAWS):
            fresh, truth = strip(split, np.random.default_rng(seed))
            there = live.over(fresh)
            model = _fit(there)
            found = benchmark.ask(model, there, truth).everybody.each[MAIN]
            beside = benchmark.ask(replace(model, blend=only("popular")), there, truth).everybody.each[MAIN]
            ours.append(found)
            popular.append(beside)
            ratio = found.mean() / beside.mean()
            print(f"  draw {seed}: {len(truth):4} newcomers, {found.mean():.4f} by {beside.mean():.4f}: {ratio:.3f}")
        low, high = ratio_interval(np.concatenate(ours), np.concatenate(popular))
        ratio = np.mean([one.mean() / other.mean() for one, other in zip(ours, popular, strict=True)])
        print(f"  mean ratio {ratio:.3f}, 95 % interval over newcomers of all draws [{low:.3f}, {high:.3f}]")
        benchmark.close()


def strangers() -> None:
    """Friendships rewired at random: what the model loses against its own version without friends."""
    for benchmark, split, live in _opened():
        print(f"\n{benchmark.title}: rewired friendships, {DRAWS} seeds, {MAIN} ({conditions()})")
        alone = with_ties(live, no_ties(live.snapshot.ties))
        apart = benchmark.ask(_fit(alone), alone, split.truth).known
        print(f"  no friends {apart.figures[MAIN]:.4f}")
        all_gains = []
        for seed in range(DRAWS):
            mixed = with_ties(live, rewired(live.snapshot.ties, seed))
            report = benchmark.ask(_fit(mixed), mixed, split.truth).known
            gain = report.less(apart, SEED)[MAIN]
            all_gains.append(gain.mean)
            print(
                f"  seed {seed}: {report.figures[MAIN]:.4f}, {gain.mean:+.4f} [{gain.lower:+.4f}, {gain.upper:+.4f}] "
                f"({gain.mean / apart.figures[MAIN]:+.2%}), p {gain.p_value:.3f}"
            )
        mean, spread = np.mean(all_gains), np.std(all_gains, ddof=1)
        print(f"  mean {mean:+.4f} ({mean / apart.figures[MAIN]:+.2%}), standard deviation over seeds {spread:.4f}")
        benchmark.close()


PARTS = {"main": models, "newcomers": newcomers, "rewired": strangers}


def _opened() -> Iterator[tuple[Benchmark, Split, LiveGraph]]:
    (under,) = rules(Settings.load(environ={}), None, consents=False)
    for benchmark in SPLITS:
        split = benchmark.split()
        if split is not None:
            yield benchmark, split, _live(split.train, under)


def _live(snapshot: Snapshot, under: Conditions) -> LiveGraph:
    return LiveGraph(
        snapshot, now=snapshot.as_of, rules=under.rules, presumed=under.presumed, sensitive=under.sensitive
    )


def _fit(live: LiveGraph) -> Model:
    return train(live, TrainingOptions(seed=SEED, search=True))


def _row(benchmark: Benchmark, split: Split, title: str, model: Model, live: LiveGraph, began: float) -> None:
    trained = time.process_time()
    known = benchmark.ask(model, live, split.truth).known
    scored = time.process_time()
    low, high = known.intervals(SEED)[MAIN]
    figures = " ".join(f"{known.figures[name]:7.4f}" for name in SHOWN)
    print(f"  {title:30} {figures}  [{low:.4f}, {high:.4f}]  {trained - began:7.1f} {scored - trained:7.1f}")


def strip(split: Split, rng: np.random.Generator) -> tuple[Snapshot, Truth]:
    """Facts without any purchase of some test customers, and everything that these bought before or later."""
    known = sorted(customer for customer in split.truth if customer in split.train.customers)
    chosen = [str(one) for one in rng.permutation(known)[: round(NEWCOMERS * len(known))]]
    positions, bought = split.train.customers.positions(chosen), split.train.purchases
    truth = {
        customer: {*split.truth[customer], *split.train.products.names(bought.of(position).product.tolist())}
        for customer, position in zip(chosen, positions.tolist(), strict=True)
    }
    return replace(split.train, purchases=some_rows(bought, ~np.isin(bought.customer, positions))), truth


def ratio_interval(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """95 % of the ratios of the means of resampled people."""
    found = stats.bootstrap(
        (ours, theirs),
        lambda one, other, axis: one.mean(axis) / other.mean(axis),
        paired=True,
        vectorized=True,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(SEED),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
