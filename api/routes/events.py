"""What customers do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response

from api import bodies, deps, examples
from api.auth import scope
from api.schemas import EventResult, EventResults, Fault
from engine.engine import Engine
from graph.errors import Invalid, TooLarge
from graph.records import Record
from graph.schema import Key, kind_of
from loaders.events import parse_event

router = APIRouter(tags=["events"])

Status = Literal["accepted", "duplicate"]


@router.post(
    "/events",
    dependencies=[scope("storefront")],
    response_model=EventResult | EventResults,
    responses=examples.answers(examples.EVENT_ANSWERS)
    | examples.answer(examples.EVENT_ANSWERS["one"], 201, model=EventResult, description="One new event"),
    openapi_extra=bodies.request("Events", **examples.EVENT_BODIES),
)
async def post_events(payload: deps.JsonBody, engine: deps.TheEngine, response: Response) -> EventResult | EventResults:
    """Take in one event, or several as `{"events": [...]}`. What is accepted is durable, and part of the next answer.

    The `id` makes an event idempotent: sent again it is a `duplicate` and changes nothing. Without an `at` it happened
    now. One event is answered 201 if it is new, 200 if it is a duplicate, 422 if it is wrong. Several are answered 200
    with one result each: the good ones are stored even if others are wrong.
    """
    several = _several(payload, engine.settings.max_events)
    if several is None:
        record = _parse(engine, payload)
        (status,) = await run_sync(_store, engine, [record])
        response.status_code = 201 if status == "accepted" else 200
        return EventResult(id=_id(record), status=status, errors=[])
    return await _take(engine, several)


def _several(payload: object, limit: int) -> list[object] | None:
    if not isinstance(payload, dict):
        raise Invalid('the body is neither one event nor {"events": [...]}')
    if "events" not in payload:
        return None
    events = payload["events"]
    if len(payload) > 1 or not isinstance(events, list) or not events:
        raise Invalid('"events" is a list of at least one event, and stands alone', field="events")
    if len(events) > limit:
        raise TooLarge(f"{len(events):,} events at a time; at most {limit:,} are taken")
    return events


async def _take(engine: Engine, events: Sequence[object]) -> EventResults:
    """Judge each event by itself, store the good ones together."""
    judged = [_judge(engine, event) for event in events]
    good = [found for found in judged if isinstance(found, Record)]
    statuses = iter(await run_sync(_store, engine, good) if good else ())
    results = [
        EventResult(id=_id(found), status=next(statuses), errors=[]) if isinstance(found, Record) else found
        for found in judged
    ]
    told = [result.status for result in results]
    return EventResults(
        results=results,
        accepted=told.count("accepted"),
        duplicate=told.count("duplicate"),
        rejected=told.count("rejected"),
    )


def _judge(engine: Engine, event: object) -> Record | EventResult:
    try:
        return _parse(engine, event)
    except Invalid as error:
        given = event.get("id") if isinstance(event, dict) else None
        known = given if isinstance(given, str) else None
        return EventResult(id=known, status="rejected", errors=[Fault(field=error.field, message=str(error))])


def _parse(engine: Engine, event: object) -> Record:
    if not isinstance(event, dict):
        raise Invalid("an event is a JSON object")
    return parse_event(event, now=engine.now(), digits=engine.settings.currency_digits)


def _store(engine: Engine, events: Sequence[Record]) -> list[Status]:
    """Write events, and tell which were new; two requests with the same one at the same time may both be told so."""
    places = [(type(event), kind_of(type(event)).key_of(event)) for event in events]
    seen = {(kind, key) for kind in {kind for kind, _ in places} for key in _known(engine, kind, places)}
    statuses: list[Status] = []
    for place in places:
        statuses.append("duplicate" if place in seen else "accepted")
        seen.add(place)
    engine.write(events)
    return statuses


def _known(engine: Engine, kind: type[Record], places: Sequence[tuple[type[Record], Key]]) -> set[Key]:
    return engine.known(kind, [key for each, key in places if each is kind])


def _id(event: Record) -> str:
    return kind_of(type(event)).key_of(event)[0]
