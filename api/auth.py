"""Who may call a route: keys with scopes, or, while no key exists, pages of this machine only."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Request, params
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.routing import BaseRoute

from api.parameters import check_names
from engine.engine import Engine
from engine.keys import KeyRing, Scope
from engine.serve import is_loopback
from graph.errors import KeyMissing, NotAllowed

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(?::[0-9]{1,5})?", re.ASCII)

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    bearerFormat="kith_...",
    description="An API key, made by `kith keys create`. While no key exists, the server is open to its own machine.",
)


class Admission:
    """A dependency that lets a request in whose key has one of ``scopes``, and whose parameters the route knows."""

    def __init__(self, scopes: frozenset[Scope]) -> None:
        self.scopes = scopes

    async def __call__(
        self, request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> None:
        engine: Engine = request.app.state.engine
        if engine.keys.required:
            self._check(engine.keys, shown)
        check_names(request)

    def _check(self, keys: KeyRing, shown: HTTPAuthorizationCredentials | None) -> None:
        if shown is None:
            raise KeyMissing("this server asks for an API key: send the header Authorization: Bearer kith_...")
        key = keys.verify(shown.credentials)
        if self.scopes.isdisjoint(key.scopes):
            raise NotAllowed(
                f"the key {key.id} has not the scope {' or '.join(sorted(self.scopes))} that this route asks for"
            )


class Anybody:
    """A dependency that asks for nothing."""

    async def __call__(self) -> None: ...


def scope(*names: Scope) -> params.Depends:
    """What a route declares in ``dependencies``: a key with any of these scopes, or ``admin``, opens it."""
    return params.Depends(Admission(frozenset(names) | {"admin"}))


ANYBODY = params.Depends(Anybody())
"""What a route declares that answers without a key."""


def declared(route: BaseRoute) -> Admission | Anybody | None:
    """What a route declares about its callers; None if it forgot to."""
    if not isinstance(route, APIRoute):
        return None
    found = [d.dependency for d in route.dependencies if isinstance(d.dependency, Admission | Anybody)]
    return found[0] if len(found) == 1 else None


def check_local(headers: Headers) -> None:
    """While the server is open: only requests meant for this machine, and not on behalf of a page from elsewhere.

    A web page can call this machine through its visitor's browser; by DNS rebinding, even under a name of its own.

    Raises
    ------
    graph.errors.NotAllowed
        ``Host`` or ``Origin`` is not a loopback name.
    """
    hosts = headers.getlist("host")
    if not hosts or not all(map(_is_loopback, hosts)):
        raise NotAllowed("while no API key exists, this server answers only as localhost or 127.0.0.1 (header Host)")
    for origin in headers.getlist("origin"):
        scheme, _, authority = origin.partition("://")
        if scheme not in {"http", "https"} or not _is_loopback(authority):
            raise NotAllowed("while no API key exists, pages of other origins may not call this server (header Origin)")


def _is_loopback(authority: str) -> bool:
    parts = _AUTHORITY.fullmatch(authority)
    return parts is not None and is_loopback(parts[1].strip("[]").lower())
