"""``kith tune``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.console import TRY_LATER, Output
from engine.session import session

if TYPE_CHECKING:
    from engine.tuning import Tuned

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.command("tune")(tune)


def tune(
    context: typer.Context,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="Start no trial after this time (default 10, without limit if --trials is given)."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Stop when the study has so many trials, those of earlier runs included.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 42,
    jobs: Annotated[int, typer.Option(min=1, help="Trials at a time; 1 makes the study repeatable.")] = 2,
    publish: Annotated[
        bool, typer.Option(help="Publish a model with the best options, unless those published are better.")
    ] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the trials done on these facts.")] = False,
    json: Json = False,
) -> None:
    """Search for the options that rank best on a held-out part of the facts. Ctrl-C keeps what is done."""
    from engine import tuning

    out = Output(as_json=json)
    wanted = tuning.Wanted(minutes, trials, seed, jobs, publish, fresh)
    try:
        with session(context).engine() as engine, out.progress() as on_step:
            done = tuning.tune(engine, wanted, say=_silent if json else out.note, on_step=on_step)
    except KeyboardInterrupt:
        out.note("stopped; the trials that were done are kept: kith tune goes on with them")
        raise typer.Exit(TRY_LATER) from None
    out.result(done.as_dict(), *_lines(done))


def _silent(line: str) -> None:
    """Scripts read the result alone."""


def _lines(done: Tuned) -> list[str]:
    from engine.epochs import in_words

    lines = [f"best of {done.trials} trials: NDCG@20 {done.ndcg:.4f} with {in_words(done.options)}"]
    if done.gain is not None:
        lines.append(f"against the published options, person by person: {done.gain}")
    if done.refused:
        return [*lines, "not published: the published options rank better, beyond the interval"]
    if done.epoch is None:
        return [*lines, "not published, as asked; kith train takes these options from now on"]
    if not done.new:
        return [*lines, f"nothing new to publish: epoch {done.epoch} was trained with them on these facts"]
    return [*lines, f"published {done.model}, epoch {done.epoch}; kith train takes these options from now on"]
