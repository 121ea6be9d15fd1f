"""``kith train`` and ``recommend``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from engine.console import Output
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
