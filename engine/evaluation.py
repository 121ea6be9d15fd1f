"""``kith evaluate``: train on files, ask for recommendations as HTTP does, compare with what people did later."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.console import OnStep, silent
from engine.engine import evidence_rules
from engine.settings import Settings
from graph.errors import Refused
from graph.evidence import UNRESTRICTED, EvidenceRules, eligible_ties
from graph.freeze import freeze
from graph.ids import UNKNOWN
from graph.live import LiveGraph
from graph.moments import Moment
from graph.records import PURPOSES, Purchase, Purpose
from graph.sensitive import Sensitive
from graph.snapshot import Snapshot
from graph.stores.memory import MemoryStore
from influence.homophily import Homophily, homophily
from loaders.load import Options, load_files
from loaders.report import LoadReport
from recommend.ablate import ablations
from recommend.compare import Difference
from recommend.evaluate import Report, asked_of, candidate_recall
from recommend.evaluate import evaluate as measure
from recommend.model import Model
from recommend.options import TrainingOptions
from recommend.progress import Progress
from recommend.split import How, Truth, hold_out
from recommend.train import train

GRAPHS = 49
"""How many times friendships are rewired for the homophily diagnostic."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which rules an evaluation trains and serves; ``evidence`` is the short name of them."""

    evidence: str
    rules: EvidenceRules
    presumed: Sequence[Purpose]
    sensitive: Sensitive

    def live(self, facts: Snapshot) -> LiveGraph:
        """Facts under these rules, as a model learns from them and serves them."""
        return LiveGraph(facts, now=facts.as_of, rules=self.rules, presumed=self.presumed, sensitive=self.sensitive)


@dataclass(frozen=True, slots=True)
class Split:
    """Facts to train on, and what the test customers did.

    Attributes
    ----------
    by
        ``file``, or how purchases were held out.
    share
        How much was held out, where that was chosen.
    owned
        How many pairs of a test file were left out, as the customer had the product before.
    reports
        What was read, and what was rejected.
    """

    train: Snapshot
    truth: Truth
    by: str
    share: float | None
    owned: int
    reports: Sequence[LoadReport]

    @property
    def rejected(self) -> dict[str, int]:
        """File to how many of its rows were rejected."""
        return {report.file: report.rejected for report in self.reports if report.rejected}

    def as_dict(self) -> dict[str, Any]:
        """For JSON: ``unknown`` are those that no fact to train on names."""
        products = {product for customer in asked_of(self.truth) for product in self.truth[customer]}
        return {
            "split": {"by": self.by, "share": self.share},
            "test_purchases": sum(map(len, self.truth.values())),
            "owned_before": self.owned,
            "unknown_customers": sum(customer not in self.train.customers for customer in asked_of(self.truth)),
            "unknown_products": sum(product not in self.train.products for product in products),
        }


Gains = Mapping[str, Difference]
"""Metric name to how much one model is above another."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of one model, and under which rules of evidence it was made.

    Attributes
    ----------
    cpu_seconds
        Of training and ranking, ablations left out.
    ablations, homophily
        If they were asked for.
    cost
        How much more a model without these rules finds, for everybody asked, if there is one to compare with.
    """

    evidence: str
    report: Report
    candidate_recall: float
    weights: Mapping[str, float]
    cpu_seconds: float
    seed: int
    ablations: Mapping[str, Report] = field(default_factory=dict)
    homophily: Homophily | None = None
    cost: Gains = field(default_factory=dict)

    @cached_property
    def gains(self) -> Mapping[str, Gains]:
        """How much the model is above each ablation, for people with a history; nothing for fewer than two people."""
        return {name: self.report.known.less(report.known, self.seed) for name, report in self.ablations.items()}

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {
            "evidence": self.evidence,
            **self.report.as_dict(self.seed),
            "candidate_recall@20": self.candidate_recall,
            "weights": dict(self.weights),
            "cpu_seconds": self.cpu_seconds,
        }
        if self.cost:
            found["cost"] = _plain(self.cost)
        if self.ablations:
            found["ablations"] = {name: self._ablation(name, report) for name, report in self.ablations.items()}
            found["homophily"] = self.homophily and self.homophily.as_dict()
        return found

    def _ablation(self, name: str, report: Report) -> dict[str, Any]:
        told = report.as_dict(self.seed)
        told["newcomers"]["model_gains"] = _plain(self.report.newcomers.less(report.newcomers, self.seed))
        return {**told, "model_gains": _plain(self.gains[name])}


def _plain(gains: Gains) -> dict[str, dict[str, float]]:
    return {name: gain._asdict() for name, gain in gains.items()}


def read_split(train_files: Mapping[str, Path], test: Path, settings: Settings, now: Moment) -> Split:
    """Read both parts through the rules that every load is held to; ids that no file describes are made.

    Raises
    ------
    graph.errors.Refused
        A file cannot be loaded as a whole, or there is nothing to test on.
    """
    facts, reports = _read(train_files, settings, now)
    later, test_reports = _read({"purchases": test}, settings, now)
    truth, owned = _later(later, facts)
    if not truth:
        why = f": its customers had all {owned:,} of them before" if owned else ""
        raise Refused(f"{test} has no purchase to test on{why}")
    return Split(
        freeze(facts, now=now, sensitive=_sensitive(settings)), truth, "file", None, owned, reports + test_reports
    )


def held_out(files: Mapping[str, Path], how: How, share: float, *, seed: int, settings: Settings, now: Moment) -> Split:
    """Read one part and hold purchases out of it.

    Raises
    ------
    graph.errors.Refused
        A file cannot be loaded as a whole, times are missing, or nothing can be held out.
    """
    facts, reports = _read(files, settings, now)
    held = hold_out(freeze(facts, now=now, sensitive=_sensitive(settings)), how, share=share, seed=seed)
    return Split(held.rest, held.truth, how, None if how == "last" else share, 0, reports)


def _read(files: Mapping[str, Path], settings: Settings, now: Moment) -> tuple[MemoryStore, list[LoadReport]]:
    store = MemoryStore()
    options = Options(now=now, create_missing=True, digits=settings.currency_digits, pause=0)
    return store, list(load_files(files, store, options=options))


def _later(later: MemoryStore, before: MemoryStore) -> tuple[dict[str, set[str]], int]:
    """What customers turned to later that they did not have before, and how many pairs they did have."""
    had, truth = _products(before), _products(later)
    fresh = {customer: products - had.get(customer, set()) for customer, products in truth.items()}
    owned = sum(map(len, truth.values())) - sum(map(len, fresh.values()))
    return {customer: products for customer, products in fresh.items() if products}, owned


def _products(store: MemoryStore) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for batch in store.read(Purchase, columns=("customer", "product")):
        for customer, product in zip(batch["customer"], batch["product"], strict=True):
            found.setdefault(customer, set()).add(product)
    return found


def _sensitive(settings: Settings) -> Sensitive:
    return Sensitive(settings.sensitive_categories)


def evaluate(
    split: Split,
    all_conditions: Sequence[Conditions],
    ks: Sequence[int],
    *,
    seed: int,
    ablate: bool = False,
    on_step: OnStep = silent,
) -> list[Evaluation]:
    """Evaluate under each of some conditions; what those after the first cost is told against the first.

    With ``ablate`` the first is measured again with parts taken away, and friends are compared with strangers.
    """
    first, *others = (
        _evaluate(split, under, tuple(ks), seed=seed, ablate=ablate and not place, on_step=on_step)
        for place, under in enumerate(all_conditions)
    )
    costs = [first.report.everybody.less(other.report.everybody, seed) for other in others]
    return [first, *(replace(other, cost=cost) for other, cost in zip(others, costs, strict=True))]


def _evaluate(
    split: Split, under: Conditions, ks: tuple[int, ...], *, seed: int, ablate: bool, on_step: OnStep
) -> Evaluation:
    """Train with automatic tuning on a validation part of train, then rank the whole catalogue for every test customer."""

    def fit(live: LiveGraph, progress: Progress) -> Model:
        return train(live, TrainingOptions(seed=seed, search=True), progress=progress)

    began = time.process_time()
    live = under.live(split.train)
    model = fit(live, on_step)
    report = measure(model, live, split.truth, ks=ks, progress=on_step)
    held = candidate_recall(model, live, split.truth)
    seconds = round(time.process_time() - began, 2)
    found = Evaluation(under.evidence, report, held, model.weights, seconds, seed)
    if not ablate:
        return found
    parts = ablations(model, live, split.truth, fit, ks=ks, seed=seed, progress=on_step)
    return replace(found, ablations=parts, homophily=friends_alike(split, seed=seed, on_step=on_step))


def friends_alike(split: Split, *, seed: int, on_step: OnStep = silent) -> Homophily | None:
    """How many of the test purchases a friend had made before, against rewired friendships."""
    pairs = [(customer, product) for customer in asked_of(split.truth) for product in sorted(split.truth[customer])]
    facts = split.train
    customer = facts.customers.positions([customer for customer, _ in pairs])
    product = facts.products.positions([product for _, product in pairs])
    known = customer != UNKNOWN
    ties = eligible_ties(facts.ties, facts.blocks, UNRESTRICTED, facts.as_of)
    return homophily(customer[known], product[known], facts.purchases, ties, graphs=GRAPHS, seed=seed, progress=on_step)


def conditions(settings: Settings, evidence: str | None, *, consents: bool) -> list[Conditions]:
    """Under which rules to evaluate.

    The shop's where consents are given, else all purposes presumed and no thresholds; ``evidence`` chooses otherwise:
    "open" for the latter, "strict" for both, side by side.
    """
    free = unrestricted(settings)
    strict = Conditions("strict", evidence_rules(settings), settings.presumed_purposes, free.sensitive)
    if evidence is None:
        return [strict] if consents else [free]
    return [free, strict] if evidence == "strict" else [free]


def unrestricted(settings: Settings) -> Conditions:
    """All purposes presumed and no thresholds, as in published comparisons: to find out what is in the data."""
    return Conditions("open", UNRESTRICTED, PURPOSES, _sensitive(settings))
