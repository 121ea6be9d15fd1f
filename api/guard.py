"""What every request passes, whatever its route: limits, the check of an open server, headers, last resort."""

from __future__ import annotations

import logging
import re
import secrets
import string
from collections.abc import Iterable
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.auth import check_local
from engine.engine import Engine
from graph.errors import KithError, TooLarge

log = logging.getLogger("kith.api")

MAX_URL_BYTES = 2**16
DISCARDED = 8
"""How many times the limit is read of a body that is too large."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")


class Guard:
    """ASGI middleware around the routes. ``engine`` tells the limits and whether keys exist."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self._app = app
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = _path_as_sent(scope)
        answer = _Answer(send, Headers(scope=scope))
        try:
            self._admit(scope, answer.asked)
            await self._app(scope, _at_most(self._engine.settings.max_body_bytes, receive), answer.send)
        except ClientDisconnect:
            log.debug("%s: the client went away", scope["path"])
        except KithError as error:
            await problems.from_error(error, scope["path"])(scope, receive, answer.send)
        except Exception:
            log.exception("request %s: %s %s", answer.request_id, scope["method"], scope["path"])
            if answer.started:
                raise
            await problems.internal(scope["path"])(scope, receive, answer.send)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        if not self._engine.keys.required:
            check_local(headers)
        if len(scope["path"]) + len(scope["query_string"]) > MAX_URL_BYTES:
            raise TooLarge(f"the address is longer than {MAX_URL_BYTES:,} bytes")


class _Answer:
    """The way back: puts our headers on the answer."""

    def __init__(self, send: Send, asked: Headers) -> None:
        self.asked = asked
        self.started = False
        given = asked.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in self._headers():
                headers.setdefault(name, value)
        await self._send(message)

    def _headers(self) -> Iterable[tuple[str, str]]:
        yield from _HEADERS.items()
        yield "X-Request-ID", self.request_id
        key = self.asked.get("idempotency-key", "")
        if _IDEMPOTENCY_KEY.fullmatch(key):
            yield "Idempotency-Key", key


def _path_as_sent(scope: Scope) -> str:
    """The path with its percent signs, so that a slash within an id (%2F) is not one between parts."""
    raw = scope.get("raw_path")
    return quote(raw, safe=string.punctuation) if raw else quote(scope["path"])


def _at_most(limit: int, receive: Receive) -> Receive:
    """``receive`` that stops at the limit.

    What follows is thrown away, within bounds: a client that still sends when the connection closes never sees why.
    """
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken <= limit:
            return message
        while message.get("more_body") and taken < DISCARDED * limit:
            message = await receive()
            taken += len(message.get("body", b""))
        raise TooLarge(f"the body is larger than {limit:,} bytes; send less at a time")

    return counted
