"""Who is a friend of whom."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response

from api import bodies, deps, examples
from api.auth import scope
from api.schemas import Friendship
from graph import records
from graph.errors import NotFound
from graph.schema import kind_of
from loaders.events import parse_friendship

router = APIRouter(tags=["friendships"])

_KIND = kind_of(records.Friendship)


@router.put(
    "/friendships",
    dependencies=[scope("storefront")],
    responses=examples.answer(examples.FRIENDSHIP),
    openapi_extra=bodies.request("Friendship", examples.FRIENDSHIP_BODY),
)
async def put_friendship(payload: deps.JsonObject, engine: deps.TheEngine) -> Friendship:
    """Two people are friends: accepted by both, and the same in whichever order they are named."""
    friendship = parse_friendship(payload, now=engine.now())
    await run_sync(engine.write, [friendship])
    return Friendship.of(friendship)


@router.get(
    "/friendships",
    dependencies=[scope("storefront")],
    responses=examples.answer(examples.FRIENDSHIP),
)
async def get_friendship(
    customer: deps.CustomerInQuery, friend: deps.FriendInQuery, engine: deps.TheEngine
) -> Friendship:
    """The friendship of two people."""
    key = _KIND.key_of(records.Friendship.between(customer, friend))
    friendship = await run_sync(engine.get, records.Friendship, key)
    if friendship is None:
        raise NotFound(f"{customer!r} and {friend!r} are not friends")
    return Friendship.of(friendship)


@router.delete("/friendships", status_code=204, response_class=Response, dependencies=[scope("storefront")])
async def delete_friendship(customer: deps.CustomerInQuery, friend: deps.FriendInQuery, engine: deps.TheEngine) -> None:
    """End a friendship. Doing it twice changes nothing."""
    key = _KIND.key_of(records.Friendship.between(customer, friend))
    await run_sync(engine.remove, records.Friendship, key)
