"""Request bodies as OpenAPI describes them: derived from `loaders.shapes`, whose rules judge them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph.errors import Invalid
from graph.records import VISIBILITIES
from loaders import rules
from loaders.shapes import EVENTS, FILES, Shape

Schema = dict[str, Any]

_ID: Schema = {"type": "string", "minLength": 1, "maxLength": rules.MAX_ID}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
_HASHED: Schema = {"type": "string", "maxLength": rules.MAX_NAME, "description": "Kept only as a keyed hash."}
_TRUTH: Schema = {"type": "boolean"}
_ADDRESS: Schema = {
    "type": "string",
    "maxLength": rules.MAX_URL,
    "description": "An http(s) address or a path of the shop.",
}

_FIELDS: Mapping[str, Schema] = {
    "id": _ID,
    "customer": _ID,
    "product": _ID,
    "friend": _ID,
    "order": _ID,
    "line": _ID,
    "recommendation_id": _ID | {"description": "The answer that this followed from."},
    "name": {"type": "string", "maxLength": rules.MAX_NAME},
    "birth_year": {"type": "integer", "minimum": 1900},
    "email": _HASHED,
    "phone": _HASHED,
    "address": _HASHED,
    "device": _HASHED,
    "payment": _HASHED,
    "price": {
        "type": "number",
        "minimum": 0,
        "maximum": rules.MAX_PRICE,
        "description": "In the currency of the shop.",
    },
    "category": {"type": "string", "maxLength": rules.MAX_ID},
    "available": _TRUTH,
    "sensitive": _TRUTH | {"description": "Never shown as evidence to friends."},
    "url": _ADDRESS,
    "image": _ADDRESS,
    "since": _MOMENT,
    "at": _MOMENT | {"description": "When it happened; now, if left out."},
    "quantity": {"type": "integer", "minimum": 1, "maximum": rules.MAX_QUANTITY},
    "gift": _TRUTH,
    "visibility": {"type": "string", "enum": list(VISIBILITIES)},
    "weight": {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "Strength of the interest, in place of quantity.",
    },
    "rating": {"type": "number", "minimum": 1, "maximum": 5},
    "text": {"type": "string", "maxLength": rules.MAX_REVIEW},
}


def components(max_events: int) -> dict[str, Schema]:
    """The schemas that `request` refers to, by name."""
    events = {f"{name.capitalize()}Event": _schema(shape, type=name) for name, shape in EVENTS.items()}
    event = {
        "oneOf": [_reference(name) for name in events],
        "discriminator": {
            "propertyName": "type",
            "mapping": {name: _reference(f"{name.capitalize()}Event")["$ref"] for name in EVENTS},
        },
    }
    batch = {
        "type": "object",
        "properties": {
            "events": {"type": "array", "items": _reference("Event"), "minItems": 1, "maxItems": max_events}
        },
        "required": ["events"],
        "additionalProperties": False,
    }
    return events | {
        "Event": event,
        "EventBatch": batch,
        "EventsBody": {"anyOf": [_reference("Event"), _reference("EventBatch")]},
        "CustomerBody": _schema(FILES["customers"], in_path="id"),
        "ProductBody": _schema(FILES["products"], in_path="id"),
        "FriendshipBody": _schema(FILES["friends"]),
    }


def request(name: str, example: object = None, **examples: object) -> dict[str, Any]:
    """What a route says of its body: the schema ``<name>Body``, with one example or several named ones."""
    shown = (
        {"examples": {key: {"value": value} for key, value in examples.items()}} if examples else {"example": example}
    )
    content = {"application/json": {"schema": _reference(f"{name}Body"), **shown}}
    return {"requestBody": {"required": True, "content": content}}


def named(payload: dict[str, object], id: str) -> dict[str, object]:
    """The body of a ``PUT``: it may repeat the id of the path, not contradict it."""
    if payload.get("id", id) != id:
        raise Invalid("the id in the body is not that of the path; leave it out", field="id")
    return payload


def _schema(shape: Shape, *, type: str | None = None, in_path: str | None = None) -> Schema:
    properties: dict[str, Schema] = {name: _FIELDS[name] for name in shape.cells}
    required = [name for name in shape.required if name != in_path]
    if type is not None:
        properties = {"type": {"const": type}, **properties}
        required = ["type", *required]
    found = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": required} if required else found


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
