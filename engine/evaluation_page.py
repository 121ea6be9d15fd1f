"""``kith evaluate --report``: one HTML page that tells how it was measured, what was found, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine import plots
from engine.evaluation import Evaluation, Split
from engine.evaluation_files import written
from engine.evaluation_text import main_metric
from recommend.compare import Difference, Interval
from recommend.evaluate import Group

TEMPLATES = Path(__file__).parent / "templates"


class Table(NamedTuple):
    """A table of texts; the first column names the rows."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def write(path: Path, split: Split, done: Sequence[Evaluation]) -> None:
    """Write the page; the first evaluation needs its ablations.

    Raises
    ------
    graph.errors.Unavailable
        The file cannot be written.
    """
    text = page(split, done)
    written(path, lambda: path.write_text(text, encoding="utf-8"))


def page(split: Split, done: Sequence[Evaluation]) -> str:
    """The page as text. Ids and figures are escaped; nothing on it comes from elsewhere."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": in_words, "counted": "{:,}".format}
    first, *others = done
    gains = _gains(first)
    return environment.get_template("evaluation.html").render(
        split=split,
        told=split.as_dict(),
        done=done,
        main=main_metric(first),
        figures=_figures(done),
        slices=_slices(first),
        models=_models(first),
        models_plot=_models_plot(first),
        gains=_gains_plot(first, gains),
        gains_table=_gains_table(first, gains),
        alike=first.homophily,
        alike_plot=_alike_plot(first),
        cost=_cost(first, others[0]) if others else None,
    )


def _figures(done: Sequence[Evaluation]) -> Table:
    groups = [
        (evaluated, name, group)
        for evaluated in done
        for name, group in (("with a history", evaluated.report.known), ("newcomers", evaluated.report.newcomers))
    ]
    found = [(group.figures, group.intervals(evaluated.seed)) for evaluated, _, group in groups]
    names = [name for name in done[0].report.known.figures if name != "customers"]
    rows = [["customers", *(f"{len(group.customers):,}" for _, _, group in groups)]]
    rows += [[in_words(name), *(_cell(figures, intervals, name) for figures, intervals in found)] for name in names]
    head = ["figure", *(f"{name} ({evaluated.evidence})" if len(done) > 1 else name for evaluated, name, _ in groups)]
    return Table("The model that would serve, with 95 % intervals", head, rows)


def _cell(figures: Mapping[str, float], intervals: Mapping[str, Interval], name: str) -> str:
    if not figures["customers"]:
        return "nobody"
    interval = intervals.get(name)
    return f"{figures[name]:.4f}" + (f" [{interval.lower:.4f}, {interval.upper:.4f}]" if interval else "")


def _slices(first: Evaluation) -> plots.Rows:
    main, rows = main_metric(first), []
    for name, group in first.report.slices.items():
        what = name if name == "newcomers" else f"{name} products"
        if group.customers:
            rows.append(_row(f"{what} ({len(group.customers):,})", group, main, first.seed))
            beside = first.ablations["popularity"].slices[name]
            rows.append(_row("popularity alone", beside, main, first.seed, hollow=True))
    return plots.rows(
        f"{in_words(main)} by how many products a customer had before: the model (diamond) and popularity alone (circle)",
        in_words(main),
        rows,
    )


def _row(label: str, group: Group, metric: str, seed: int, *, hollow: bool = False) -> plots.Row:
    return plots.Row(label, group.figures[metric], group.intervals(seed).get(metric), hollow)


def _groups(first: Evaluation) -> dict[str, Group]:
    variants = {name.replace("_", " "): report.known for name, report in first.ablations.items()}
    return {"the model": first.report.known, **variants}


def _models(first: Evaluation) -> Table:
    k = main_metric(first).partition("@")[2]
    shown = [f"{name}@{k}" for name in ("recall", "ndcg", "coverage", "novelty", "gini", "long_tail")]
    rows = []
    for name, group in _groups(first).items():
        figures = group.figures
        rows.append([name, *(f"{figures[metric]:.4f}" for metric in shown)])
    return Table("Customers with a history", ["model", *map(in_words, shown)], rows)


def _models_plot(first: Evaluation) -> plots.Points:
    k = main_metric(first).partition("@")[2]
    given = [
        (plots.Row(name, group.figures[f"coverage@{k}"], hollow=name != "the model"), group.figures[f"recall@{k}"])
        for name, group in _groups(first).items()
    ]
    return plots.points(
        "How much is found, and how much of the catalogue is shown, by each model",
        (in_words(f"coverage@{k}"), in_words(f"recall@{k}")),
        given,
    )


def _gains(first: Evaluation) -> dict[str, Difference]:
    main = main_metric(first)
    return {name.replace("_", " "): found[main] for name, found in first.gains.items() if main in found}


def _gains_plot(first: Evaluation, gains: Mapping[str, Difference]) -> plots.Rows | None:
    rows = [plots.Row(name, gain.mean, (gain.lower, gain.upper)) for name, gain in gains.items()]
    title = f"How much the model is above each of them in {in_words(main_metric(first))}; right of the dashed line the model is better"
    return plots.rows(title, "difference", rows, signed=True) if rows else None


def _gains_table(first: Evaluation, gains: Mapping[str, Difference]) -> Table:
    rows = [
        [name, f"{gain.mean:+.4f}", f"{gain.lower:+.4f} to {gain.upper:+.4f}", f"{gain.p_value:.4f}"]
        for name, gain in gains.items()
    ]
    return Table(
        f"{in_words(main_metric(first))}, the model less each of them",
        ["model", "difference", "95 % interval", "p-value"],
        rows,
    )


def _alike_plot(first: Evaluation) -> plots.Rows | None:
    alike = first.homophily
    if alike is None:
        return None
    rows = [
        plots.Row("real friends", alike.share),
        plots.Row("rewired friends", alike.rewired, (alike.lower, alike.upper), hollow=True),
    ]
    return plots.rows("Share of the test purchases that a friend had made before", "share", rows)


def _cost(open_: Evaluation, strict: Evaluation) -> Table:
    one, other = open_.report.everybody, strict.report.everybody
    figures = one.figures, other.figures
    rows = [
        [
            in_words(name),
            *(f"{each[name]:.4f}" for each in figures),
            f"{gain.mean:+.4f}",
            f"{gain.lower:+.4f} to {gain.upper:+.4f}",
            f"{gain.p_value:.4f}",
        ]
        for name, gain in strict.cost.items()
    ]
    return Table(
        "All test customers: open rules, the shop's, and the first less the second",
        ["figure", "open", "strict", "difference", "95 % interval", "p-value"],
        rows,
    )


def in_words(metric: str) -> str:
    """``ndcg@20`` as people write it."""
    name, _, k = metric.partition("@")
    plain = {"ndcg": "NDCG", "mrr": "MRR", "map": "MAP", "gini": "Gini"}.get(name, name.replace("_", " ").capitalize())
    return f"{plain}@{k}" if k else plain
