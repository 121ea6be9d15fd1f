"""The figures of ``kith evaluate`` in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.evaluation import Evaluation, Split
from recommend.compare import Interval

CELL = 27


def lines(split: Split, done: Sequence[Evaluation]) -> list[str]:
    """The figures, one column per evaluation, and what has to be known to read them."""
    return [
        *_figures(done),
        *(line for evaluated in done for line in _about(evaluated)),
        *_split(split),
        *_rules(done),
        *(f"{file}: {count:,} rows rejected" for file, count in split.rejected.items()),
    ]


def _figures(done: Sequence[Evaluation]) -> Iterator[str]:
    yield f"{'evidence rules':20}" + "".join(f"{evaluated.evidence:>{CELL}}" for evaluated in done)
    intervals = [evaluated.report.known.intervals(evaluated.seed) for evaluated in done]
    for name in done[0].report.known.figures:
        if name != "customers":
            cells = (
                _cell(evaluated.report.known.figures[name], found.get(name))
                for evaluated, found in zip(done, intervals, strict=True)
            )
            yield f"{name:20}" + "".join(cells)


def _cell(figure: float, interval: Interval | None) -> str:
    between = f" {interval}" if interval else " " * 17
    return f"{figure:{CELL - 17}.4f}{between}"


def _about(evaluated: Evaluation) -> Iterator[str]:
    report, weights = evaluated.report, ", ".join(f"{name} {weight:g}" for name, weight in evaluated.weights.items())
    yield (
        f"{evaluated.evidence}: {len(report.known.customers):,} customers with a history, "
        f"{len(report.newcomers.customers):,} newcomers; candidates hold {evaluated.candidate_recall:.2%} of a full "
        f"scan's best; weights {weights}; {evaluated.cpu_seconds:g} CPU s"
    )
    for name, group in report.slices.items():
        if group.customers:
            what = name if name == "newcomers" else f"{name} products"
            shown = (
                f"{each} {figure:.4f}" for each, figure in group.figures.items() if each.startswith(("recall", "ndcg"))
            )
            yield f"  {what}: {', '.join(shown)} ({len(group.customers):,} customers)"
    yield from _ablations(evaluated)
    main = main_metric(evaluated)
    if cost := evaluated.cost.get(main):
        yield f"  these rules cost all test customers in {main}:   {cost}"


def _ablations(evaluated: Evaluation) -> Iterator[str]:
    if not evaluated.ablations:
        return
    main = main_metric(evaluated)
    yield f"  {main} of the model, and how much it is above (with 95 % interval and p-value)"
    for name, report in evaluated.ablations.items():
        if gain := evaluated.gains[name].get(main):
            yield f"    {name.replace('_', ' '):22}{report.known.figures[main]:8.4f}   {gain}"
    if alike := evaluated.homophily:
        yield (
            f"  friends had {alike.share:.2%} of the test purchases before; rewired friends {alike.rewired:.2%} "
            f"[{alike.lower:.2%}, {alike.upper:.2%}], p {alike.p_value:.3f} ({alike.graphs} graphs)"
        )


def main_metric(evaluated: Evaluation) -> str:
    """NDCG at the longest list."""
    return max(
        (name for name in evaluated.report.known.each if name.startswith("ndcg@")), key=lambda name: int(name[5:])
    )


def _split(split: Split) -> Iterator[str]:
    told = split.as_dict()
    by = f"split {split.by}" + (f", share {split.share:g}" if split.share else "")
    yield (
        f"{by}: {told['test_purchases']:,} purchases to find; {told['unknown_customers']:,} customers and "
        f"{told['unknown_products']:,} products that no fact to train on names; {split.owned:,} purchases left out, as "
        "their customers had the product before"
    )


def _rules(done: Sequence[Evaluation]) -> Iterator[str]:
    if any(evaluated.evidence == "open" for evaluated in done):
        yield "open: every purpose is presumed, and thresholds, ages, delay and epoch of the evidence rules are off"
