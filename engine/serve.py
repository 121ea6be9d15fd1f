"""Runs the HTTP service until it is told to stop."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from importlib import import_module

import uvicorn
from threadpoolctl import threadpool_limits

from engine.engine import Engine
from engine.keys import KeyRing
from engine.settings import Settings
from graph.errors import Invalid, Unavailable

GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def listen(settings: Settings) -> socket.socket:
    """Take the port, before any long work begins.

    Raises
    ------
    graph.errors.Invalid
        The address is beyond loopback and there is no API key.
    graph.errors.Unavailable
        The port is taken or the address is not ours.
    """
    host, port = settings.host, settings.port
    if not is_loopback(host) and not KeyRing(settings.folder).required:
        raise Invalid(
            f"listening on {host} without an API key would open everything to everyone: "
            "make one first (kith keys create NAME --scope storefront), or listen on 127.0.0.1",
            field="host",
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {_shown(host)}:{port} ({error.strerror}): choose another port with --port, or stop what uses it"
        ) from error


def serve(engine: Engine, listening: socket.socket, on_ready: Callable[[str], None]) -> None:
    """Answer requests until interrupted; requests in flight are finished. ``on_ready`` gets the address to open."""
    # The edge lies above this package; loading it by name keeps imports pointing one way.
    application = import_module("api.app").create_app(engine)
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="off",
    )
    host, port = listening.getsockname()[:2]
    try:
        # answers are many small products: a second thread costs more than it brings
        with threadpool_limits(1, "blas"):
            _Server(config, lambda: on_ready(f"http://{_shown(host)}:{port}")).run(sockets=[listening])
    except KeyboardInterrupt:
        return


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
