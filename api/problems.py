"""Every failure over HTTP has one shape: ``application/problem+json`` (RFC 9457).

The tables here are the only map from errors to statuses; each `Kind` has a heading in ``docs/reference/problems.md``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from graph import errors
from graph.errors import Invalid, KithError

log = logging.getLogger("kith.api")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

Fault = Mapping[str, str | None]
"""One entry of ``errors``: ``field`` (None where the input as a whole is at fault) and ``message``."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: HTTP status, the last part of its ``type``, and its title."""

    status: int
    name: str
    title: str

    @property
    def type(self) -> str:
        return f"/problems/{self.name}"


PROBLEMS: Mapping[type[KithError], Kind] = {
    errors.Invalid: Kind(422, "invalid", "The input is wrong"),
    errors.UnknownSetting: Kind(422, "unknown-setting", "There is no such setting"),
    errors.Refused: Kind(422, "refused", "The file cannot be loaded"),
    errors.NotFound: Kind(404, "not-found", "Nothing has this id"),
    errors.Conflict: Kind(409, "conflict", "The request contradicts what is stored"),
    errors.NotAllowed: Kind(403, "not-allowed", "The caller may not do this"),
    errors.KeyMissing: Kind(401, "key-missing", "An API key is needed"),
    errors.TooLarge: Kind(413, "too-large", "The request is above a limit"),
    errors.NotReady: Kind(503, "not-ready", "No model has been published yet"),
    errors.Unavailable: Kind(503, "unavailable", "The store does not answer"),
    errors.Damaged: Kind(500, "damaged", "Stored data are damaged"),
}

HTTP_PROBLEMS: Mapping[int, Kind] = {
    kind.status: kind
    for kind in (
        Kind(404, "no-such-route", "There is no such route"),
        Kind(405, "method-not-allowed", "The route does not know this method"),
        Kind(415, "unsupported-media-type", "The body is not JSON"),
    )
}

INTERNAL = Kind(500, "internal", "Something went wrong here")


def install(app: FastAPI) -> None:
    """Let every error inside the routes answer as a problem."""

    async def kith_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, KithError)
        return from_error(error, request.scope["path"])

    async def bad_parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [_fault(found["loc"], found["msg"]) for found in error.errors()]
        detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        return problem(PROBLEMS[Invalid], detail, request.scope["path"], faults=faults)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _from_http(error, request)

    app.add_exception_handler(KithError, kith_error)
    app.add_exception_handler(RequestValidationError, bad_parameters)
    app.add_exception_handler(HTTPException, http_error)


def from_error(error: KithError, path: str) -> Response:
    """The problem that tells of an error of ours."""
    kind = next((PROBLEMS[cls] for cls in type(error).__mro__ if cls in PROBLEMS), INTERNAL)
    if kind.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s: %s", path, error)
    faults = [{"field": error.field, "message": str(error)}] if isinstance(error, Invalid) else None
    return problem(kind, str(error), path, faults=faults, headers=_headers(kind.status))


def internal(path: str) -> Response:
    """The problem that tells nothing of what happened: that is for the log."""
    return problem(
        INTERNAL, "this is a defect of the server; its log knows more under the X-Request-ID of this answer", path
    )


def problem(
    kind: Kind,
    detail: str,
    path: str,
    *,
    faults: Sequence[Fault] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document. ``faults`` becomes ``errors``."""
    body: dict[str, object] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": path,
    }
    if faults is not None:
        body["errors"] = faults
    return JSONResponse(body, kind.status, headers, MEDIA_TYPE)


def _fault(place: Sequence[str | int], message: str) -> Fault:
    """Of a parameter that FastAPI refused: ``place`` is its kind (query, path), then its name."""
    return {"field": ".".join(map(str, place[1:])), "message": message}


def _from_http(error: HTTPException, request: Request) -> Response:
    status, path = error.status_code, request.scope["path"]
    if status == HTTPStatus.NOT_FOUND:
        return problem(HTTP_PROBLEMS[status], "no route has this path; a slash within an id is written %2F", path)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(sorted(_methods(request)))
        detail = f"{request.method} is not among the methods of this route: {allowed}"
        return problem(HTTP_PROBLEMS[status], detail, path, headers={"Allow": allowed})
    phrase = HTTPStatus(status).phrase
    kind = HTTP_PROBLEMS.get(status) or Kind(status, phrase.lower().replace(" ", "-"), phrase)
    return problem(kind, error.detail, path, headers=error.headers)


def _methods(request: Request) -> set[str]:
    """Of all routes with this path; the error names only those of the first."""
    contexts = iter_route_contexts(request.app.routes)
    return set().union(
        *(found.methods or () for found in contexts if found.path_regex.fullmatch(request.scope["path"]))
    )


def _headers(status: int) -> Mapping[str, str] | None:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="kith"'}
    return None
