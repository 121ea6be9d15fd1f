"""JSON bodies of HTTP requests become records."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from graph.errors import Invalid
from graph.moments import Moment, to_text
from graph.records import Customer, Friendship, Product, Record
from loaders.rules import Context
from loaders.shapes import EVENTS, FILES, Shape
from loaders.source import quote
from loaders.validate import read_record


def parse_event(payload: Mapping[str, object], *, now: Moment, digits: int = 2) -> Record:
    """One event of ``POST /v1/events``. Without ``at`` it happened ``now``; without ``id`` its content gives it one.

    Raises
    ------
    graph.errors.Invalid
        A field is missing, unknown or breaks its rule; ``field`` names it.
    """
    if not isinstance(payload, Mapping):
        raise Invalid("an event is a JSON object")
    name = payload.get("type")
    shape = EVENTS.get(name) if isinstance(name, str) else None
    if shape is None:
        raise Invalid(f"type {quote(name)!r} is not one of {', '.join(EVENTS)}{_nearest(name, EVENTS)}", field="type")
    fields = {field: value for field, value in payload.items() if field != "type" and value is not None}
    _check_names(fields, shape, f"of a {shape.name} event")
    return shape.kind(**read_record(shape, {"at": to_text(now), **fields}, Context(now, digits)))


def parse_customer(id: str, payload: Mapping[str, object], *, now: Moment, key: bytes | None = None) -> Customer:
    """A customer as ``PUT /v1/customers/{id}`` tells; ``key`` hashes personal data. Raises like `parse_event`."""
    return Customer(**_entity("customers", {**payload, "id": id}, Context(now, key=key)))


def parse_product(id: str, payload: Mapping[str, object], *, now: Moment, digits: int = 2) -> Product:
    """A product as ``PUT /v1/products/{id}`` describes it. Raises as `parse_event`."""
    return Product(**_entity("products", {**payload, "id": id}, Context(now, digits)))


def parse_friendship(payload: Mapping[str, object], *, now: Moment) -> Friendship:
    """A friendship as ``PUT /v1/friendships`` names it, in either order. Raises as `parse_event`."""
    return Friendship(**_entity("friends", payload, Context(now)))


def _entity(name: str, payload: Mapping[str, object], context: Context) -> dict[str, Any]:
    _check_names(payload, FILES[name], f"of {name}")
    return read_record(FILES[name], payload, context)


def _check_names(names: Mapping[str, object], shape: Shape, whose: str) -> None:
    for name in names:
        if name not in shape.cells:
            raise Invalid(f"{quote(name)} is no field {whose}{_nearest(name, shape.cells)}", field=quote(name))


def _nearest(name: object, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name[:60], known, n=1) if isinstance(name, str) else []
    return f"; did you mean {near[0]}?" if near else ""
