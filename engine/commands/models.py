"""``kith train``, ``evaluate`` and ``recommend``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.console import PARTIAL, Output
from engine.session import session
from graph.records import Product
from loaders.money import to_major
from recommend.query import MAX_LIMIT, Item, Query, Reason

if TYPE_CHECKING:
    from engine.jobs import Trained

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(parent: typer.Typer) -> None:
    """Add these commands."""
    parent.command("train")(train)
    parent.command("evaluate")(evaluate)
    parent.command("recommend")(recommend)


def train(
    context: typer.Context,
    search: Annotated[bool, typer.Option("--search", help="Also search for better factorisation settings.")] = False,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Take the default options, not those that kith tune found.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 42,
    json: Json = False,
) -> None:
    """Fit a model on everything in the store and publish it; running servers serve it within a second or two."""
    from engine import jobs

    out = Output(as_json=json)
    with session(context).engine() as engine, out.progress() as on_step:
        done = jobs.train(engine, search=search, defaults=defaults, seed=seed, on_step=on_step)
    weights = ", ".join(f"{name} {weight:g}" for name, weight in done.weights.items())
    out.result(
        done.as_dict(),
        f"published {done.model}, epoch {done.epoch}: {done.customers:,} customers, {done.products:,} products",
        *_options_used(done),
        f"weights learned on validation: {weights or 'none, too little data: popularity'}",
        f"{done.cpu_seconds:g} CPU s; next: kith recommend CUSTOMER, or kith serve",
    )


def _options_used(done: Trained) -> list[str]:
    from engine.epochs import in_words

    told = {
        "defaults": "the defaults",
        "tuned": f"those of the last kith tune: {in_words(done.differing)}",
        "published": f"those of the model before, as the others rank worse: {in_words(done.differing)}",
    }
    gain = [] if done.gain is None else [f"NDCG@20 of the options wanted against those published before: {done.gain}"]
    return [f"options: {told[done.options]}", *gain]


def evaluate(
    context: typer.Context,
    purchases: Annotated[Path, typer.Option(help="What to train on.")],
    test: Annotated[Path, typer.Option(help="What people bought later; never trained on.")],
    friends: Annotated[Path | None, typer.Option(help="Who knows whom.")] = None,
    consents: Annotated[Path | None, typer.Option(help="Who agreed to what; with it the shop's rules hold.")] = None,
    k: Annotated[
        list[int] | None, typer.Option(min=1, help="Length of the lists to judge (default 10 and 20).")
    ] = None,
    evidence: Annotated[
        Literal["open", "strict"] | None,
        typer.Option(help="Rules of evidence: open (all presumed, no thresholds) or the shop's; strict shows both."),
    ] = None,
    recommendations: Annotated[Path | None, typer.Option(help="Write customer,rank,product here.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 42,
    json: Json = False,
) -> None:
    """Measure what would be served: train on one file, rank the whole catalogue for each customer of the other."""
    from engine import evaluation

    out, settings, now = Output(as_json=json), session(context).settings(), session(context).clock()
    given = {"purchases": purchases, "friends": friends, "consents": consents}
    with out.progress() as on_step:
        split = evaluation.read_split({kind: path for kind, path in given.items() if path}, test, settings, now)
        done = [
            evaluation.evaluate(split, under, sorted(set(k or (10, 20))), seed=seed, now=now, on_step=on_step)
            for under in evaluation.conditions(settings, evidence, consents=consents is not None)
        ]
    first, *others = (evaluated.as_dict() for evaluated in done)
    rejected = {report.file: report.rejected for report in split.reports if report.rejected}
    out.result({**first, "rejected": rejected, "beside": others}, *evaluation.lines(done, rejected))
    if recommendations:
        evaluation.write_recommendations(recommendations, done[0].report.ranked)
    if rejected:
        raise typer.Exit(PARTIAL)


def recommend(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="Id of the person; somebody unknown gets what is popular.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MAX_LIMIT, help="How many products.")] = 10,
    category: Annotated[str | None, typer.Option(help="Only products of this category.")] = None,
    json: Json = False,
) -> None:
    """Ask the published model what to show to one person, and why."""
    with session(context).engine() as engine:
        digits = engine.settings.currency_digits
        answer = engine.recommend(Query(customer=customer, limit=limit, category=category))
        items = answer.recommendations.items
        causes = {reason.product for item in items for reason in item.reasons if reason.product is not None}
        names = {id: product.name or id for id in causes if (product := engine.get(Product, (id,)))}
    rows = [(i.product, i.name, _price(i, digits), f"{i.score:.3f}", _why(i.reasons, names)) for i in items]
    data = [
        {
            "product": item.product,
            "name": item.name,
            "price": None if item.price is None else to_major(item.price, digits),
            "score": item.score,
            "source": item.source,
            "reasons": [_reason(reason) for reason in item.reasons],
        }
        for item in items
    ]
    wrapped = {"customer": customer, "model": answer.model, "epoch": answer.epoch, "items": data}
    out = Output(as_json=json)
    if json:
        out.result(wrapped)
    else:
        out.table(data, ("product", "name", "price", "score", "why"), rows)
    if not items:
        dropped = ", ".join(f"{rule} {count:,}" for rule, count in answer.recommendations.dropped.items())
        out.note(f"nothing to recommend; refused by rule: {dropped or 'the catalogue is empty'}")


def _price(item: Item, digits: int) -> str:
    return "" if item.price is None else f"{to_major(item.price, digits):.{digits}f}"


def _why(reasons: tuple[Reason, ...], names: Mapping[str, str]) -> str:
    return "; ".join(_in_words(reason, names) for reason in reasons)


def _in_words(reason: Reason, names: Mapping[str, str]) -> str:
    if reason.type == "friends_bought":
        friends = [friend.name or friend.customer for friend in reason.friends[:3]]
        return f"bought by {', '.join([*friends, *([f'{reason.count} friends'] if reason.count else [])])}"
    plain = reason.type.replace("_", " ")
    return plain if reason.product is None else f"{plain} {names.get(reason.product, reason.product)}"


def _reason(reason: Reason) -> dict[str, object]:
    found: dict[str, object] = {"type": reason.type}
    if reason.type == "friends_bought":
        found["count"] = reason.count
        found["friends"] = [{"customer": friend.customer, "name": friend.name} for friend in reason.friends]
    if reason.product is not None:
        found["product"] = reason.product
    return found
