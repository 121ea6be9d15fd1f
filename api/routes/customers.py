"""The people: who they are, whom they block, and that they can be forgotten."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response

from api import bodies, deps, examples
from api.auth import scope
from api.schemas import Customer, Forgotten
from engine.engine import Engine
from engine.identity import hash_key
from graph import records
from graph.errors import Invalid, NotFound
from loaders.events import parse_customer

router = APIRouter(tags=["customers"])


@router.put(
    "/customers/{id}",
    dependencies=[scope("storefront")],
    responses=examples.answer(examples.CUSTOMER),
    openapi_extra=bodies.request("Customer", examples.CUSTOMER_BODY),
)
async def put_customer(id: deps.CustomerInPath, payload: deps.JsonObject, engine: deps.TheEngine) -> Customer:
    """Describe a customer. The body replaces all that was known: what it leaves out is not known any more.

    E-mail address, phone number, address, device and means of payment are kept only as keyed hashes.
    """
    return Customer.of(await run_sync(_write, engine, id, bodies.named(payload, id)))


def _write(engine: Engine, id: str, payload: dict[str, object]) -> records.Customer:
    customer = parse_customer(id, payload, now=engine.now(), key=hash_key(engine.folder))
    engine.write([customer])
    return customer


@router.get(
    "/customers/{id}",
    dependencies=[scope("storefront", "marketer")],
    responses=examples.answer(examples.CUSTOMER),
)
async def get_customer(id: deps.CustomerInPath, engine: deps.TheEngine) -> Customer:
    """A customer, without what is kept only as a hash."""
    customer = await run_sync(engine.get, records.Customer, (id,))
    if customer is None:
        raise NotFound(f"no customer has the id {id!r}")
    return Customer.of(customer)


@router.delete(
    "/customers/{id}",
    dependencies=[scope("admin")],
    responses=examples.answer(examples.FORGOTTEN),
)
async def forget_customer(id: deps.CustomerInPath, engine: deps.TheEngine) -> Forgotten:
    """Forget a customer: their record, friendships, blocks, consents and events. It cannot be undone."""
    return Forgotten.of(await run_sync(engine.forget, id))


@router.put(
    "/customers/{id}/blocks/{other}", status_code=204, response_class=Response, dependencies=[scope("storefront")]
)
async def block(id: deps.CustomerInPath, other: deps.CustomerInPath, engine: deps.TheEngine) -> None:
    """Let nothing pass between two people, in either direction, from the next answer on."""
    if id == other:
        raise Invalid("nobody blocks themselves", field="other")
    await run_sync(engine.write, [records.Block(customer=id, other=other, at=engine.now())])


@router.delete(
    "/customers/{id}/blocks/{other}", status_code=204, response_class=Response, dependencies=[scope("storefront")]
)
async def unblock(id: deps.CustomerInPath, other: deps.CustomerInPath, engine: deps.TheEngine) -> None:
    """Take back a block; evidence between the two comes back at its next opening. Doing it twice changes nothing."""
    await run_sync(engine.remove, records.Block, (id, other))
