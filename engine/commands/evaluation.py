"""``kith evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.console import PARTIAL, Output
from engine.session import session


def register(parent: typer.Typer) -> None:
    """Add this command."""
    parent.command("evaluate")(evaluate)


def evaluate(
    context: typer.Context,
    purchases: Annotated[Path, typer.Option(help="What to train on, and with --split what to test on as well.")],
    test: Annotated[Path | None, typer.Option(help="What people bought later; never trained on.")] = None,
    friends: Annotated[Path | None, typer.Option(help="Who knows whom.")] = None,
    consents: Annotated[Path | None, typer.Option(help="Who agreed to what; with it the shop's rules hold.")] = None,
    split: Annotated[
        Literal["random", "last", "time"] | None,
        typer.Option(
            help="Instead of --test: hold out a random share of each person's products, each person's newest product, or "
            "what was bought after a moment."
        ),
    ] = None,
    share: Annotated[float, typer.Option(help="How much random and time hold out, above 0 and below 1.")] = 0.2,
    k: Annotated[
        list[int] | None, typer.Option(min=1, help="Length of the lists to judge (default 10 and 20).")
    ] = None,
    evidence: Annotated[
        Literal["open", "strict"] | None,
        typer.Option(help="Rules of evidence: open (all presumed, no thresholds) or the shop's; strict shows both."),
    ] = None,
    ablations: Annotated[
        bool,
        typer.Option("--ablations", help="Also measure what each part adds, friends above all; several times as long."),
    ] = False,
    recommendations: Annotated[Path | None, typer.Option(help="Write customer,rank,product here.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write the figures of each person and model here.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write one HTML page here; implies --ablations.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 42,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure what would be served: train on one part of the purchases, rank the whole catalogue for the customers of the
    other."""
    from engine import evaluation, evaluation_files, evaluation_text

    out, settings, now = Output(as_json=json), session(context).settings(), session(context).clock()
    given = {"purchases": purchases, "friends": friends, "consents": consents}
    files = {kind: path for kind, path in given.items() if path}
    if not 0 < share < 1:
        raise typer.BadParameter(f"{share:g} is not above 0 and below 1", param_hint="--share")
    if test and not split:
        parts = evaluation.read_split(files, test, settings, now)
    elif split and not test:
        parts = evaluation.held_out(files, split, share, seed=seed, settings=settings, now=now)
    else:
        raise typer.BadParameter("give one of them, and one only", param_hint="--test or --split")
    conditions = evaluation.conditions(settings, evidence, consents=consents is not None)
    ks, ablate = sorted(set(k or (10, 20))), ablations or report is not None
    with out.progress() as on_step:
        done = evaluation.evaluate(parts, conditions, ks, seed=seed, ablate=ablate, on_step=on_step)
    first, *others = (evaluated.as_dict() for evaluated in done)
    told = {**first, **parts.as_dict(), "seed": seed, "rejected": parts.rejected, "beside": others}
    out.result(told, *evaluation_text.lines(parts, done))
    if recommendations:
        evaluation_files.write_recommendations(recommendations, done[0].report.ranked)
    if parquet:
        evaluation_files.write_people(parquet, done)
    if report:
        from engine import evaluation_page

        evaluation_page.write(report, parts, done)
    if parts.rejected:
        raise typer.Exit(PARTIAL)
