"""For those who run the server, and for what watches it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import deps, examples
from api.auth import ANYBODY
from api.problems import RETRY_AFTER_SECONDS
from api.schemas import Alive, Ready

router = APIRouter(tags=["operations"])


@router.get("/healthz", dependencies=[ANYBODY], responses=examples.answer(examples.ALIVE))
async def healthz() -> Alive:
    """The process runs; restart it if this does not answer."""
    return Alive(status="ok")


@router.get(
    "/readyz",
    dependencies=[ANYBODY],
    responses=examples.answer(examples.READY)
    | examples.answer(examples.NOT_READY, 503, model=Ready, description="No model has been published yet"),
)
async def readyz(engine: deps.TheEngine, response: Response) -> Ready:
    """Whether recommendations can be answered: 200, or 503 with the same body."""
    state = engine.readiness()
    if not state.ready:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Ready(ready=state.ready, store=state.store, model=state.model, epoch=state.epoch, degraded=state.degraded)
