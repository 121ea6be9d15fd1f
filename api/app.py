"""Puts the HTTP application together."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI

from api import bodies, examples, problems
from api.guard import Guard
from api.routes import customers, documentation, events, friendships, health, products, recommendations
from api.schemas import Problem
from engine.engine import Engine

VERSION = "1.0"
"""Of the API, not of the program: it changes when its shapes do."""

DESCRIPTION = """
Products for each person, with the friends who bought them, inside what those friends have agreed to.

Every failure is a problem document (`application/problem+json`). Every answer carries an `X-Request-ID`.

Writes may be repeated safely: events are told apart by their `id`, `PUT` and `DELETE` say how things shall be. An
`Idempotency-Key` is echoed and not needed.
"""

_PROBLEM: dict[str, Any] = {
    "description": "A problem; its types are listed in docs/reference/problems.md",
    "content": {
        problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": examples.PROBLEM},
    },
}


class _App(FastAPI):
    """Describes the request bodies and problems, too, which FastAPI does not see in the signatures."""

    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        engine: Engine = self.state.engine
        described["components"]["schemas"] |= bodies.components(engine.settings.max_events) | {
            "Problem": _problem_schema()
        }
        return described


def _problem_schema() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {name: value for name, value in schema.items() if name != "$defs"}


def create_app(engine: Engine) -> FastAPI:
    """The HTTP application that answers from an engine. It does not close the engine."""
    app = _App(
        title="Kith",
        version=VERSION,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": _PROBLEM, "5XX": _PROBLEM},
    )
    app.state.engine = engine
    app.add_middleware(Guard, engine=engine)
    problems.install(app)
    v1 = APIRouter(prefix="/v1")
    for resource in (recommendations, products, customers, friendships, events):
        v1.include_router(resource.router)
    app.include_router(v1)
    app.include_router(health.router)
    app.include_router(documentation.router)
    return app
