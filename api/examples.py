"""Examples in the description of the API. The tests hold each against the real thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Responses = dict[int | str, dict[str, Any]]

_SHOE = {
    "product": "p9",
    "name": "Trail shoe",
    "price": 89.0,
    "score": 0.83,
    "source": "friends",
    "reasons": [
        {"type": "friends_bought", "count": "3+", "friends": [{"customer": "c3", "name": "Mina"}]},
        {"type": "similar_to", "product": "p2"},
    ],
}

RECOMMENDATIONS = {
    "recommendation_id": "r-5f1c09a2b7d3e846",
    "customer": "c17",
    "degraded": False,
    "epoch": 12,
    "model": "m-20261122-1",
    "items": [_SHOE],
}
FRIENDS = {"product": "p9", "customer": "c17", "count": "3+", "friends": [{"customer": "c3", "name": "Mina"}]}
SIMILAR = {
    "product": "p2",
    "items": [{**_SHOE, "source": "similar", "reasons": [{"type": "similar_to", "product": "p2"}]}],
}
TRENDING = {"items": [{**_SHOE, "source": "trending", "reasons": [{"type": "trending"}]}]}

CUSTOMER_BODY = {"name": "Mina", "birth_year": 1990, "email": "mina@example.org"}
CUSTOMER = {"id": "c17", "name": "Mina", "birth_year": 1990}
FORGOTTEN = {"customer": "c17", "removed": {"customers": 1, "friendships": 14, "purchases": 3}}

PRODUCT_BODY = {"name": "Trail shoe", "price": 89.0, "category": "shoes", "url": "/products/p9"}
PRODUCT = {
    "id": "p9",
    "name": "Trail shoe",
    "price": 89.0,
    "category": "shoes",
    "available": True,
    "sensitive": False,
    "url": "/products/p9",
    "image": None,
}

FRIENDSHIP_BODY = {"customer": "c3", "friend": "c17", "since": "2025-06-01T12:00:00Z"}
FRIENDSHIP = {"customer": "c17", "friend": "c3", "since": "2025-06-01T12:00:00Z"}

_PURCHASE = {
    "id": "e-1",
    "type": "purchase",
    "customer": "c17",
    "product": "p9",
    "at": "2026-11-22T10:00:00Z",
    "quantity": 1,
    "price": 89.0,
}
EVENT_BODIES = {
    "one": _PURCHASE,
    "several": {
        "events": [
            {"id": "e-2", "type": "view", "customer": "c17", "product": "p2"},
            {
                "id": "e-3",
                "type": "click",
                "customer": "c17",
                "product": "p9",
                "recommendation_id": "r-5f1c09a2b7d3e846",
            },
        ]
    },
}
EVENT_ANSWERS = {
    "one": {"id": "e-1", "status": "accepted", "errors": []},
    "several": {
        "results": [
            {"id": "e-2", "status": "accepted", "errors": []},
            {"id": "e-3", "status": "rejected", "errors": [{"field": "customer", "message": "customer is missing"}]},
        ],
        "accepted": 1,
        "duplicate": 0,
        "rejected": 1,
    },
}

ALIVE = {"status": "ok"}
READY = {"ready": True, "store": "sqlite", "model": "m-20261122-1", "epoch": 12, "degraded": False}
NOT_READY = {"ready": False, "store": "sqlite", "model": None, "epoch": None, "degraded": False}

PROBLEM = {
    "type": "/problems/invalid",
    "title": "The input is wrong",
    "status": 422,
    "detail": "customer is missing",
    "instance": "/v1/events",
    "errors": [{"field": "customer", "message": "customer is missing"}],
}


def answer(example: object, status: int = 200, **more: object) -> Responses:
    """What a route adds to its description: an example of its answer."""
    return {status: {"content": {"application/json": {"example": example}}, **more}}


def answers(examples: Mapping[str, object]) -> Responses:
    """As `answer`, with several examples under their names."""
    return {
        200: {
            "content": {"application/json": {"examples": {name: {"value": value} for name, value in examples.items()}}}
        }
    }
