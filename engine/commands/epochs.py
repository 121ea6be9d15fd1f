"""``kith models``: what was published, how two of them differ, and which is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.console import Output
from engine.session import session

if TYPE_CHECKING:
    from engine.epochs import Comparison

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EpochNumber = Annotated[int, typer.Argument(min=1, help="An epoch that list shows.")]

COLUMNS = ("epoch", "current", "model", "customers", "products", "NDCG@20")

models = typer.Typer(help="List and compare published models, or choose which is served.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.add_typer(models, name="models")


@models.command("list")
def list_models(context: typer.Context, json: Json = False) -> None:
    """Show the epochs that are kept, newest last, with what each reaches on validation; the current one is marked."""
    from engine import epochs

    with session(context).engine() as engine:
        rows = epochs.listed(engine)
    out = Output(as_json=json)
    out.table(rows, COLUMNS, [_row(row) for row in rows])
    if not json:
        out.result(rows, *(f"epoch {row['epoch']}: {_learned(row)}" for row in rows))


def _row(epoch: Mapping[str, Any]) -> list[object]:
    current = "*" if epoch["current"] else ""
    if "damaged" in epoch:
        return [epoch["epoch"], current, "damaged", *[""] * 3]
    size = f"{epoch['customers']:,}", f"{epoch['products']:,}"
    return [epoch["epoch"], current, epoch["model"], *size, _figure(epoch)]


def _learned(epoch: Mapping[str, Any]) -> str:
    from engine.epochs import in_words

    if "damaged" in epoch:
        return str(epoch["damaged"])
    return f"facts of {_minute(epoch)}; weights {_weights(epoch)}; options {in_words(epoch['options'])}"


def _minute(epoch: Mapping[str, Any]) -> str:
    return str(epoch["facts_of"])[:16].replace("T", " ")


def _figure(epoch: Mapping[str, Any]) -> str:
    if epoch["ndcg@20"] is None:
        return ""
    return f"{epoch['ndcg@20']:.4f} ± {epoch['standard_error']:.4f}"


def _weights(epoch: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {weight:g}" for name, weight in epoch["weights"].items())


@models.command("compare")
def compare(
    context: typer.Context,
    first: EpochNumber,
    second: EpochNumber,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the customers who are asked.")] = 42,
    json: Json = False,
) -> None:
    """Show two models side by side, and how much their answers differ; nothing is trained."""
    from engine import epochs
    from engine.epochs import in_words

    with session(context).engine() as engine:
        found = epochs.compare(engine, first, second, seed=seed)
    out = Output(as_json=json)
    if json:
        out.result(found.as_dict())
        return
    one, two = found.first.as_dict(), found.second.as_dict()
    sides = [*zip(COLUMNS, _row(one), _row(two), strict=True)][2:]
    sides += [("facts of", _minute(one), _minute(two)), ("weights", _weights(one), _weights(two))]
    sides += [("options", in_words(one["options"]), in_words(two["options"]))]
    out.table([], ("", f"epoch {first}", f"epoch {second}"), sides)
    out.result({}, *_differences(found))


def _differences(found: Comparison) -> list[str]:
    """What the table cannot show."""
    answers = f"of the first 20 products, {found.overlap:.0%} are the same (mean of {found.asked:,} customers)"
    if found.gain is None:
        return [answers, "they were validated on other people: their figures cannot be compared person by person"]
    return [
        answers,
        f"NDCG@20 of epoch {found.second.number} over {found.first.number}, person by person: {found.gain}",
    ]


@models.command("promote")
def promote(context: typer.Context, epoch: EpochNumber, json: Json = False) -> None:
    """Serve this epoch, earlier or later; running servers follow within a second or two."""
    with session(context).engine() as engine:
        engine.promote(epoch)
    Output(as_json=json).result({"epoch": epoch}, f"epoch {epoch} is current")


@models.command("roll-back")
def roll_back(
    context: typer.Context,
    to: Annotated[int | None, typer.Option(help="An epoch that list shows (default: the one before).")] = None,
    json: Json = False,
) -> None:
    """Serve an earlier model again; running servers follow within a second or two."""
    with session(context).engine() as engine:
        epoch = engine.roll_back(to)
    Output(as_json=json).result({"epoch": epoch}, f"epoch {epoch} is current")
