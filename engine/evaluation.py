"""``kith evaluate``: train on files, ask for recommendations as HTTP does, compare with what people did later."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.console import OnStep, silent
from engine.engine import evidence_rules
from engine.settings import Settings
from graph.errors import Refused, Unavailable
from graph.evidence import UNRESTRICTED, EvidenceRules
from graph.freeze import freeze
from graph.live import LiveGraph
from graph.moments import Moment
from graph.records import PURPOSES, Purchase, Purpose
from graph.sensitive import Sensitive
from graph.stores.memory import MemoryStore
from loaders.load import Options, load_files
from loaders.report import LoadReport
from recommend.evaluate import Report
from recommend.evaluate import evaluate as measure
from recommend.options import TrainingOptions
from recommend.train import train


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which rules an evaluation trains and serves; ``evidence`` is the short name of them."""

    evidence: str
    rules: EvidenceRules
    presumed: Sequence[Purpose]
    sensitive: Sensitive


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one model, and under which rules of evidence it was made."""

    evidence: str
    report: Report
    weights: Mapping[str, float]
    cpu_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "evidence": self.evidence,
            **self.report.as_dict(),
            "weights": dict(self.weights),
            "cpu_seconds": self.cpu_seconds,
        }


@dataclass(frozen=True, slots=True)
class Split:
    """Facts to train on, and what the test customers did."""

    store: MemoryStore
    truth: Mapping[str, frozenset[str]]
    reports: Sequence[LoadReport]


def read_split(train_files: Mapping[str, Path], test: Path, settings: Settings, now: Moment) -> Split:
    """Read both parts through the rules that every load is held to; ids that no file describes are made.

    Raises
    ------
    graph.errors.Refused
        A file cannot be loaded as a whole, or there is nothing to test on.
    """
    options = Options(now=now, create_missing=True, digits=settings.currency_digits, pause=0)
    known, later = MemoryStore(), MemoryStore()
    reports = load_files(train_files, known, options=options)
    reports += load_files({"purchases": test}, later, options=options)
    truth: dict[str, set[str]] = {}
    for batch in later.read(Purchase, columns=("customer", "product")):
        for customer, product in zip(batch["customer"], batch["product"], strict=True):
            truth.setdefault(customer, set()).add(product)
    if not truth:
        raise Refused(f"{test} has no purchase to test on")
    return Split(known, {customer: frozenset(products) for customer, products in truth.items()}, reports)


def evaluate(
    split: Split, under: Conditions, ks: Sequence[int], *, seed: int, now: Moment, on_step: OnStep = silent
) -> Evaluation:
    """Train with automatic tuning on a validation part of train, then rank the whole catalogue for every test customer."""
    began = time.process_time()
    snapshot = freeze(split.store, now=now, sensitive=under.sensitive)
    live = LiveGraph(snapshot, now=now, rules=under.rules, presumed=under.presumed, sensitive=under.sensitive)
    model = train(live, TrainingOptions(seed=seed, search=True), progress=on_step)
    report = measure(model, live, split.truth, ks=tuple(ks), progress=on_step)
    return Evaluation(under.evidence, report, model.weights, round(time.process_time() - began, 2))


def conditions(settings: Settings, evidence: str | None, *, consents: bool) -> list[Conditions]:
    """Under which rules to evaluate.

    The shop's where consents are given, else all purposes presumed and no thresholds; ``evidence`` chooses otherwise:
    "open" for the latter, "strict" for both, side by side.
    """
    sensitive = Sensitive(settings.sensitive_categories)
    strict = Conditions("strict", evidence_rules(settings), settings.presumed_purposes, sensitive)
    unrestricted = Conditions("open", UNRESTRICTED, PURPOSES, sensitive)
    if evidence is None:
        return [strict] if consents else [unrestricted]
    return [unrestricted, strict] if evidence == "strict" else [unrestricted]


def write_recommendations(path: Path, ranked: Mapping[str, Sequence[str]]) -> None:
    """Write ``customer,rank,product``, best first.

    Raises
    ------
    graph.errors.Unavailable
        The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("customer", "rank", "product"))
            for customer, products in ranked.items():
                writer.writerows((customer, rank, product) for rank, product in enumerate(products, 1))
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error


def lines(done: Sequence[Evaluation], rejected: Mapping[str, int]) -> list[str]:
    """The figures in words, one column per evaluation."""
    kinds = "".join(f"{evaluated.evidence:>12}" for evaluated in done)
    found = [f"{'evidence rules':24}{kinds}"]
    found += [
        f"{name:24}" + "".join(f"{evaluated.report.known[name]:12.4f}" for evaluated in done)
        for name in done[0].report.known
        if name != "customers"
    ]
    for evaluated in done:
        report, weights = (
            evaluated.report,
            ", ".join(f"{name} {weight:g}" for name, weight in evaluated.weights.items()),
        )
        newcomers = report.newcomers["customers"]
        found.append(
            f"{evaluated.evidence}: {report.known['customers']:,.0f} customers with a history, {newcomers:,.0f} newcomers; "
            f"candidates hold {report.candidate_recall:.2%} of a full scan's best; weights {weights}; "
            f"{evaluated.cpu_seconds:g} CPU s"
        )
        if newcomers:
            figures = {name: value for name, value in report.newcomers.items() if name.startswith(("recall", "ndcg"))}
            found.append("  newcomers: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    if any(evaluated.evidence == "open" for evaluated in done):
        found.append(
            "open: every purpose is presumed, and thresholds, ages, delay and epoch of the evidence rules are off"
        )
    return found + [f"{file}: {count:,} rows rejected" for file, count in rejected.items()]
