"""What routes ask for in their signatures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator

from api.body import json_body, json_object
from engine.engine import Engine
from graph.errors import Invalid
from loaders.rules import Context
from loaders.shapes import FILES
from recommend.query import MAX_LIMIT

_ID = FILES["customers"].cells["id"]
_ANY_TIME = Context(now=0)


async def the_engine(request: Request) -> Engine:
    """The engine that the app was made with."""
    engine: Engine = request.app.state.engine
    return engine


def _id(text: str) -> str:
    try:
        found: str = _ID.read(text, _ANY_TIME)
    except Invalid as error:
        raise Invalid(f"the id {text[:60]!r} {error}", field="id") from None
    return found


def _id_in_path(text: str) -> str:
    try:
        return _id(unquote(text, errors="strict"))
    except UnicodeDecodeError:
        raise Invalid(f"the id {text[:60]!r} in the path is not UTF-8", field="id") from None


def ids_of(texts: Iterable[str]) -> list[str]:
    """Ids from a parameter that is repeated, separated by commas, or both; an id with a comma in it is kept, too."""
    found: dict[str, None] = {}
    for text in texts:
        found.update(dict.fromkeys([text, *text.split(",")]))
    return [_id(text) for text in found if text]


TheEngine = Annotated[Engine, Depends(the_engine)]
JsonBody = Annotated[object, Depends(json_body)]
JsonObject = Annotated[dict[str, object], Depends(json_object)]

_ENCODED = "percent-encoded: a slash in it is written %2F"
CustomerInPath = Annotated[
    str, Path(description=f"Id of a customer, {_ENCODED}.", examples=["c17"]), AfterValidator(_id_in_path)
]
ProductInPath = Annotated[
    str, Path(description=f"Id of a product, {_ENCODED}.", examples=["p9"]), AfterValidator(_id_in_path)
]
CustomerInQuery = Annotated[str, Query(description="Id of a customer.", examples=["c17"]), AfterValidator(_id)]
FriendInQuery = Annotated[str, Query(description="Id of the other customer.", examples=["c3"]), AfterValidator(_id)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many products at most.")]
Category = Annotated[str | None, Query(description="Only products of this category.", examples=["shoes"])]
